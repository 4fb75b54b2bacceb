"""Sagas: what was done is undone in reverse when the body fails, each undo recorded like any step."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

from durable_celery.op import Op
from durable_celery.operations.run import LocalCall

logger = logging.getLogger("durable_celery")

Undo = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class Runs(Protocol):
    """The context, as far as a saga needs it."""

    def run(self, fn: Callable[..., Any] | str, *args: Any, **kwargs: Any) -> Op[Any]:
        """A local child."""


class SagaStep:
    """An action that waits for its compensation to be named; `compensate` gives the operation."""

    def __init__(self, saga: Saga, op: LocalCall[Any]) -> None:
        self._saga = saga
        self._op = op

    def compensate(self, undo: Callable[..., Any], *args: Any, **kwargs: Any) -> Op[Any]:
        """Undo the action by `undo(*args)`; with no arguments by `undo(what the action returned)`."""
        self._op.on_success = lambda value: self._saga.remember(undo, args or (() if kwargs else (value,)), kwargs)
        return self._op


class Saga:
    """Compensations of one body, in the order in which their actions succeeded.

    They run by themselves when the body that made the saga raises, a
    cancellation included; `compensate` runs them before that. A compensation
    that fails is logged and noted on the error, and the others still run.
    """

    def __init__(self, context: Runs) -> None:
        self._context = context
        self._done: list[Undo] = []

    def run(self, action: Callable[..., Any], *args: Any, **kwargs: Any) -> SagaStep:
        """An action as a step; name what undoes it with `.compensate(…)`."""
        op = self._context.run(action, *args, **kwargs)
        assert isinstance(op, LocalCall)
        return SagaStep(self, op)

    def remember(self, undo: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """An action has succeeded: from now on it would be undone."""
        self._done.append((undo, args, kwargs))

    def compensate(self) -> list[Exception]:
        """Undo what was done, the last first; the errors of compensations that failed."""
        failed: list[Exception] = []
        while self._done:
            undo, args, kwargs = self._done.pop()
            try:
                self._context.run(undo, *args, **kwargs).get()
            except Exception as error:
                logger.exception("a compensation failed, the others go on")
                failed.append(error)
        return failed
