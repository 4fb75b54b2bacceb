"""ctx.gather: several operations at once, their values in the order given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from durable_celery.errors import NotAnOperation
from durable_celery.journal import Entry
from durable_celery.op import Op, Performer
from durable_celery.promise import Outcome
from durable_celery.store import Await, Group


def all_of(groups: Sequence[Group], fail_fast: bool) -> list[Group]:
    """One condition for what is all needed; a choice among them may end, or fail, sooner, and stays one of its own."""
    choices = [group for group in groups if group.need < len(group.awaits)]
    needed = [group for group in groups if group.need == len(group.awaits)]
    awaits = tuple(awaited for group in needed for awaited in group.awaits)
    fast = fail_fast or any(group.fail_fast for group in needed)
    return [*([Group(awaits, len(awaits), fast)] if awaits else []), *choices]


class Gather(Op[list[Any]]):
    """Begins all of them; is ready when all are, or when one has failed and errors are not collected.

    What it gathers has positions, and so it needs none itself, until it fails:
    which error came first is recorded, since others may have failed by the next replay.
    """

    kind = "gather"

    def __init__(
        self, performer: Performer, ops: Sequence[Op[Any]], *, return_exceptions: bool, next_path: Callable[[], str]
    ) -> None:
        super().__init__(performer, f"{len(ops)} operations", "")
        for op in ops:
            if not isinstance(op, Op):
                raise NotAnOperation(f"{op!r} in ctx.gather")
        self._ops = list(ops)
        self._fail_fast = not return_exceptions
        self._next_path = next_path
        self._failure: Outcome | None = None

    @property
    def key(self) -> str:
        """It stands for its first one."""
        return self._ops[0].key if self._ops else ""

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(key for op in self._ops for key in op.keys)

    def begin(self) -> None:
        if not self.begun:
            self.begun = True
            self.performer.begin_all(self._ops)

    def mark_awaited(self) -> None:
        super().mark_awaited()
        for op in self._ops:
            op.mark_awaited()
        self.begun = self.begun or all(op.begun for op in self._ops)

    def ready(self) -> bool:
        return all(op.ready() for op in self._ops) or self.error() is not None

    def error(self) -> Exception | None:
        if not self._fail_fast:
            return None
        failed = (error for op in self._ops if op.ready() and (error := op.error()) is not None)
        return next(failed, None)

    def take(self) -> list[Any]:
        if self._failure is None:
            error = self.error()
            if error is None:
                return [self._taken(op) for op in self._ops]
            self._failure = self._recorded(error)
        raise self.performer.codec.error(self._failure, self.path)

    def awaits(self) -> list[Await]:
        return [] if self.ready() else [awaited for op in self._ops for awaited in op.awaits()]

    def groups(self) -> list[Group]:
        return [] if self.ready() else all_of([group for op in self._ops for group in op.groups()], self._fail_fast)

    @property
    def fails_fast(self) -> bool:
        return self._fail_fast or any(op.fails_fast for op in self._ops)

    def _taken(self, op: Op[Any]) -> Any:
        if self._fail_fast:
            return op.take()
        try:
            return op.take()
        except Exception as error:
            return error

    def _recorded(self, error: Exception) -> Outcome:
        self.path = self._next_path()
        entry = self.performer.find(self)
        if entry is not None and entry.outcome is not None:
            return entry.outcome
        self.performer.admit()
        failure = self.performer.codec.failure(error)
        self.performer.checkpoint(self.path, Entry.at_once(self.kind, self.name, failure, self.performer.now_ms()))
        return failure
