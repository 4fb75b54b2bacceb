"""Several operations at once, without a ctx at hand and in Restate's way: what is given out are the operations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from durable_celery.context import Context
from durable_celery.errors import NotAnOperation
from durable_celery.op import Op
from durable_celery.operations.gather import Gather
from durable_celery.operations.select import Choice

Split = tuple[list[Op[Any]], list[Op[Any]]]


def gather(*ops: Op[Any]) -> Op[list[Op[Any]]]:
    """Wait until all have ended, well or badly; gives the operations, each of which then has its value at once.

    `ctx.gather` gives the values, and fails with the first that fails.
    """
    ctx = _ctx_of(ops)
    return ctx._made(_Ended(ctx._performer, ops, return_exceptions=True, next_path=ctx._next))


def select(**ops: Op[Any]) -> Op[tuple[str, Any]]:
    """The first of several: its name and its value, or its error. The same as `ctx.select`."""
    return _ctx_of(list(ops.values())).select(**ops)


def wait_completed(*ops: Op[Any]) -> Op[Split]:
    """Wait for the first to end; gives the operations that have ended, and the others."""
    ctx = _ctx_of(ops)
    return ctx._made(_Split(ctx._performer, ctx._next(), [(str(index), op) for index, op in enumerate(ops)]))


def as_completed(*ops: Op[Any]) -> AsCompleted:
    """The operations in the order in which they end: `async for op in …`, or `for op in …` in other bodies."""
    _ctx_of(ops)
    return AsCompleted(ops)


class AsCompleted:
    """Goes through operations as they end."""

    def __init__(self, ops: Sequence[Op[Any]]) -> None:
        self._ops = list(ops)

    def __iter__(self) -> Iterator[Op[Any]]:
        left = self._ops
        while left:
            ended, left = wait_completed(*left).get()
            yield from ended

    async def __aiter__(self) -> AsyncIterator[Op[Any]]:
        for op in self:
            yield op


class _Ended(Gather):
    def take(self) -> list[Any]:
        return list(self._ops)


class _Split(Choice[Split]):
    kind = "completed"

    def take(self) -> Split:
        _, first = self.winner()
        return [first], [op for _, op in self.named if op is not first]


def _ctx_of(ops: Sequence[Op[Any]]) -> Context:
    for op in ops:
        if not isinstance(op, Op):
            raise NotAnOperation(repr(op))
    if not ops or not isinstance(ops[0].owner, Context):
        raise TypeError("give at least one operation of a ctx")
    return ops[0].owner
