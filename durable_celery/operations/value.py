"""ctx.time, ctx.now, ctx.random, ctx.uuid: a value made once and recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from durable_celery.journal import Entry
from durable_celery.op import Op, Performer
from durable_celery.promise import Outcome

T = TypeVar("T")


class Recorded(Op[T]):
    """What `make` gave the first time, in every replay."""

    kind = "value"

    def __init__(self, performer: Performer, name: str, path: str, make: Callable[[], T]) -> None:
        super().__init__(performer, name, path)
        self._make = make
        self._outcome: Outcome | None = None

    def start(self, entry: Entry | None) -> None:
        if entry is not None:
            self._outcome = entry.outcome
            return
        self.performer.admit()
        now_ms = self.performer.now_ms()
        outcome = self.performer.codec.success(self._make(), f"ctx.{self.name}()")
        self.performer.checkpoint(self.path, Entry.at_once(self.kind, self.name, outcome, now_ms))
        self._outcome = outcome

    def ready(self) -> bool:
        return self._outcome is not None

    def take(self) -> T:
        assert self._outcome is not None
        value: T = self.performer.codec.unwrap(self._outcome, self.path)
        return value
