"""ctx.gather: several operations at once, their values in the order given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from durable_celery.errors import NotAnOperation
from durable_celery.op import Op, Performer
from durable_celery.store import Await, Group


class Gather(Op[list[Any]]):
    """Begins all of them; is ready when all are, or with `fail_fast` when one has failed.

    It has no position of its own: what it gathers has.
    """

    kind = "gather"

    def __init__(self, performer: Performer, ops: Sequence[Op[Any]], *, return_exceptions: bool) -> None:
        super().__init__(performer, f"{len(ops)} operations", "")
        for op in ops:
            if not isinstance(op, Op):
                raise NotAnOperation(f"{op!r} in ctx.gather")
        self._ops = list(ops)
        self._fail_fast = not return_exceptions

    def begin(self) -> None:
        if not self.begun:
            self.begun = True
            for op in self._ops:
                op.begin()

    def mark_awaited(self) -> None:
        super().mark_awaited()
        for op in self._ops:
            op.mark_awaited()

    def ready(self) -> bool:
        there = [op for op in self._ops if op.ready()]
        if len(there) == len(self._ops):
            return True
        return self._fail_fast and any(_error(op) is not None for op in there)

    def take(self) -> list[Any]:
        if self._fail_fast:
            for op in self._ops:
                if op.ready():
                    error = _error(op)
                    if error is not None:
                        raise error
            return [op.take() for op in self._ops]
        return [_error(op) or op.take() for op in self._ops]

    def awaits(self) -> list[Await]:
        return [awaited for op in self._ops for awaited in op.awaits()]

    def group(self) -> Group:
        awaits = tuple(self.awaits())
        return Group(awaits, len(awaits), self._fail_fast)


def _error(op: Op[Any]) -> Exception | None:
    try:
        op.take()
    except Exception as error:
        return error
    return None
