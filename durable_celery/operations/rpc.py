"""ctx.rpc and ctx.detached: a child as an execution of its own, on any worker."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from durable_celery.calloptions import CallOptions
from durable_celery.journal import Entry
from durable_celery.newpromise import NewPromise
from durable_celery.op import Op, Performer
from durable_celery.promise import Outcome, State
from durable_celery.store import Await, Born, Created

T = TypeVar("T")


class RemoteCall(Op[T]):
    """A remote child: created when begun; waiting for it frees the worker."""

    kind = "rpc"
    #: Whether beginning it makes a promise.
    creates = True

    def __init__(self, performer: Performer, name: str, path: str, child: NewPromise) -> None:
        super().__init__(performer, name, path)
        self.id = child.id
        self._child = child
        self._failure: Outcome | None = None

    def configure(self, options: CallOptions) -> None:
        if options.name is not None or options.retry is not None:
            raise TypeError(f"{self!r}: name= and retry= belong to its registration, or to ctx.run")
        if options.lost is not None or options.lost_after_ms is not None:
            raise TypeError(f"{self!r}: lost= and lost_after= are for Celery tasks; a durable child is never lost")
        child = self._child
        encode = self.performer.codec.encode
        self.id = options.id or child.id
        self._child = replace(
            child,
            id=self.id,
            tree=options.id or child.tree,
            version=options.version or child.version,
            timeout_ms=child.timeout_ms if options.timeout_ms is None else options.timeout_ms,
            delay_ms=child.delay_ms if options.delay_ms is None else options.delay_ms,
            queue=options.queue or child.queue,
            priority=child.priority if options.priority is None else str(options.priority),
            tags=child.tags if options.tags is None else encode(options.tags, "tags"),
        )

    def start(self, entry: Entry | None) -> None:
        if entry is not None:
            self._failure = entry.outcome
            if entry.outcome is None:
                self.id = entry.payload
            return
        self.performer.spawn([self])

    def opened(self) -> tuple[str, Entry, NewPromise]:
        now_ms = self.performer.now_ms()
        opened = Entry(kind=self.kind, name=self.name, state=State.PENDING, payload=self.id, started_at=now_ms)
        return self.path, opened, self._child

    def spawned(self, found: Born) -> None:
        if isinstance(found, Created):
            return
        failure = self._failure = self.performer.codec.failure(found)
        self.performer.checkpoint(self.path, Entry.at_once(self.kind, self.name, failure, self.performer.now_ms()))

    def ready(self) -> bool:
        return self._outcome() is not None

    def take(self) -> T:
        outcome = self._outcome()
        assert outcome is not None
        value: T = self.performer.codec.unwrap(outcome, self.id)
        return value

    def awaits(self) -> list[Await]:
        return [] if self.ready() else [Await(self.path, promise_id=self.id)]

    def _outcome(self) -> Outcome | None:
        return self._failure or self.performer.journal.delivered(self.path)


class Continuation(RemoteCall[Any]):
    """The rest of an execution that has a long history, as an execution with a new one."""

    kind = "continue"


class Detached(RemoteCall[str]):
    """A child with a life of its own: started at once, never joined; its value is its id."""

    kind = "detached"

    def ready(self) -> bool:
        return True

    def take(self) -> str:
        if self._failure is not None:
            raise self.performer.codec.error(self._failure, self.id)
        return self.id

    def awaits(self) -> list[Await]:
        return []
