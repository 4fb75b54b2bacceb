"""What the store is asked, or told of others, once: the answer is recorded and the same in every replay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from durable_celery.codec import Codec
from durable_celery.errors import AlreadySettled, DurableError
from durable_celery.journal import Entry
from durable_celery.op import Op, Performer
from durable_celery.promise import Outcome, State
from durable_celery.store import Creation, Ready, Store

Question = Callable[[Store], Any]


class Ask(Op[Any]):
    """Asked when begun. What it does to others must bear being done twice: a crash may come before the record."""

    def __init__(
        self,
        performer: Performer,
        kind: str,
        name: str,
        path: str,
        question: Question,
        convert: Callable[[Any], Any] = lambda value: value,
    ) -> None:
        super().__init__(performer, name, path)
        self.kind = kind
        self._question = question
        self._convert = convert
        self._outcome: Outcome | None = None

    def start(self, entry: Entry | None) -> None:
        if entry is not None:
            self._outcome = entry.outcome
            return
        self.performer.admit()
        now_ms = self.performer.now_ms()
        outcome = self._answer(self.performer.codec)
        self.performer.checkpoint(self.path, Entry.at_once(self.kind, self.name, outcome, now_ms))
        self._outcome = outcome

    def _answer(self, codec: Codec) -> Outcome:
        try:
            return codec.success(self.performer.ask(self._question), repr(self))
        except DurableError as error:
            return codec.failure(error)

    def ready(self) -> bool:
        return self._outcome is not None

    def take(self) -> Any:
        assert self._outcome is not None
        return self._convert(self.performer.codec.unwrap(self._outcome, self.path))


def settled(store: Store, promise_id: str, state: State, payload: str, key: str) -> Sequence[Ready]:
    """Settle a promise of another's; the key makes a second time the same as the first. Raises AlreadySettled."""
    how, promise, ready = store.settle(promise_id, state, payload, key=key)
    if how is Creation.EXISTS:
        raise AlreadySettled(promise_id, promise.state)
    return ready
