"""ctx.sleep and ctx.sleep_until: a durable timer."""

from __future__ import annotations

from collections.abc import Callable

from durable_celery.journal import Entry
from durable_celery.op import Op, Performer
from durable_celery.promise import State
from durable_celery.store import Await


class Timer(Op[None]):
    """Due at an instant that is fixed when it begins, by the store's clock."""

    kind = "sleep"

    def __init__(self, performer: Performer, path: str, due: Callable[[int], int]) -> None:
        super().__init__(performer, "timer", path)
        self._due = due
        self.due_at = 0

    def start(self, entry: Entry | None) -> None:
        if entry is not None:
            self.due_at = int(entry.payload)
            return
        self.performer.admit()
        now_ms = self.performer.now_ms()
        self.due_at = self._due(now_ms)
        opened = Entry(kind=self.kind, name=self.name, state=State.PENDING, payload=str(self.due_at), started_at=now_ms)
        self.performer.checkpoint(self.path, opened)

    def ready(self) -> bool:
        return self.performer.journal.delivered(self.path) is not None or self.due_at <= self.performer.now_ms()

    def take(self) -> None:
        self.performer.passed(self.due_at)

    def awaits(self) -> list[Await]:
        return [] if self.ready() else [Await(self.path, due_at=self.due_at)]
