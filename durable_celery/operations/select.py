"""ctx.select, ctx.as_completed, op.timeout: the first of several, and the same first in every replay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from durable_celery.journal import Entry
from durable_celery.op import Op, Performer
from durable_celery.promise import Outcome, State
from durable_celery.store import Await, Group

T = TypeVar("T")


def any_of(groups: Sequence[Group]) -> list[Group]:
    """The same conditions, with all single awaits among them as one."""
    singles = tuple(group.awaits[0] for group in groups if len(group.awaits) == 1)
    return [*([Group(singles, 1)] if singles else []), *(group for group in groups if len(group.awaits) > 1)]


class Choice(Op[T]):
    """Ready when one of its operations is; which one is recorded at the choice's own position.

    Where several are ready at once the first in order is chosen.
    """

    kind = "select"

    def __init__(self, performer: Performer, path: str, named: Sequence[tuple[str, Op[Any]]]) -> None:
        super().__init__(performer, ",".join(name for name, _ in named), path)
        self.named = list(named)
        self.chosen: int | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        return self.key, *(key for _, op in self.named for key in op.keys)

    def start(self, entry: Entry | None) -> None:
        self.performer.begin_all([op for _, op in self.named])
        if entry is not None:
            self.chosen = int(entry.payload)

    def mark_awaited(self) -> None:
        super().mark_awaited()
        for _, op in self.named:
            op.mark_awaited()

    def ready(self) -> bool:
        if self.chosen is not None:
            return self.named[self.chosen][1].ready()
        return any(op.ready() for _, op in self.named)

    def winner(self) -> tuple[str, Op[Any]]:
        """The chosen operation; the choice is recorded the first time."""
        if self.chosen is None:
            self.chosen = next(index for index, (_, op) in enumerate(self.named) if op.ready())
            made = Outcome(State.RESOLVED, str(self.chosen))
            self.performer.checkpoint(self.path, Entry.at_once(self.kind, self.name, made, self.performer.now_ms()))
        return self.named[self.chosen]

    def awaits(self) -> list[Await]:
        wanted = self.named if self.chosen is None else [self.named[self.chosen]]
        return [awaited for _, op in wanted for awaited in op.awaits()]

    def groups(self) -> list[Group]:
        if self.ready():
            return []
        wanted = self.named if self.chosen is None else [self.named[self.chosen]]
        return any_of([group for _, op in wanted for group in op.groups()])


class Select(Choice[tuple[str, Any]]):
    """Its value is the name and the value of the first; the error of the first is raised."""

    def take(self) -> tuple[str, Any]:
        name, op = self.winner()
        return name, op.take()


class Next(Choice[Any]):
    """One turn of `as_completed`: the value of the next one."""

    kind = "next"

    def __init__(self, performer: Performer, path: str, left: list[Op[Any]]) -> None:
        super().__init__(performer, path, [])
        self.name = "of as_completed"
        self._left = left

    def start(self, entry: Entry | None) -> None:
        self.named = [(str(index), op) for index, op in enumerate(self._left)]
        super().start(entry)

    def take(self) -> Any:
        _, op = self.winner()
        if op in self._left:
            self._left.remove(op)
        return op.take()


class Timeout(Choice[Any]):
    """An operation against a timer: TimeoutError when the timer is first."""

    kind = "timeout"

    def take(self) -> Any:
        name, op = self.winner()
        if name == "timer":
            raise TimeoutError(f"{self.named[0][1]!r} was not there in time")
        return op.take()
