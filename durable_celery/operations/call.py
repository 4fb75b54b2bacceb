"""Calls of handlers, and waiting for calls that others have made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from durable_celery.errors import PromiseNotFound
from durable_celery.journal import Entry
from durable_celery.newpromise import NewPromise
from durable_celery.op import Op, Performer
from durable_celery.operations.ask import Ask
from durable_celery.operations.rpc import Detached, RemoteCall
from durable_celery.operations.state import Known
from durable_celery.promise import State


class Invoked(RemoteCall[Any]):
    """An invocation that a body has made."""

    def invocation_id(self) -> Op[str]:
        """Its id, at once, to attach to it or to cancel it."""
        self.performer.flush()
        return Known(self.performer, "invocation_id", self.id)

    def cancel_invocation(self) -> Ask:
        """Cancel it and everything below it."""
        self.performer.flush()
        return self.owner.cancel_invocation(self.id)  # type: ignore[union-attr,no-any-return]


class HandlerCall(Invoked):
    """A call that is waited for; its value is what the handler returned, as its annotation or serde says."""

    def __init__(
        self, performer: Performer, path: str, child: NewPromise, convert: Callable[[Any], Any], name: str = ""
    ) -> None:
        super().__init__(performer, name or child.function, path, child)
        self._convert = convert

    def take(self) -> Any:
        return self._convert(super().take())


class Sent(Detached, Invoked):
    """A call that nobody waits for; its value is the id of the invocation."""


class Attached(HandlerCall):
    """Waits for an invocation that exists already."""

    kind = "attach"
    creates = False

    def start(self, entry: Entry | None) -> None:
        if entry is not None:
            self._failure = entry.outcome
            return
        self.performer.admit()
        now_ms = self.performer.now_ms()
        try:
            self.performer.ask(lambda store: store.get(self.id))
            opened = Entry(kind=self.kind, name=self.name, state=State.PENDING, payload=self.id, started_at=now_ms)
        except PromiseNotFound as error:
            self._failure = self.performer.codec.failure(error)
            opened = Entry.at_once(self.kind, self.name, self._failure, now_ms)
        self.performer.checkpoint(self.path, opened)
