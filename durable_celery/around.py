"""Around: what the bodies and steps of one application are called inside of."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any, TypeVar

from durable_celery.errors import DurableError

T = TypeVar("T")
Factory = Callable[[], AbstractContextManager[Any]]


class Around:
    """`durable.around(app.app_context)`: enter a new one for each body and for each step, and leave it at their end.

    A step inside a body has its own, entered in the thread that executes it.
    A body is left by an exception also when it is suspended.
    """

    def __init__(self) -> None:
        self._factories: tuple[Factory, ...] = ()

    def __call__(self, factory: Factory) -> Callable[[], None]:
        """Enter `factory()`, inside of those that were given before; returns what ends that."""
        self._factories = (*self._factories, factory)
        return lambda: self._end(factory)

    def _end(self, factory: Factory) -> None:
        self._factories = tuple(each for each in self._factories if each is not factory)

    def perform(self, call: Callable[[], T]) -> T:
        """Call inside all of them."""
        if not self._factories:
            return call()
        with ExitStack() as stack:
            for factory in self._factories:
                stack.enter_context(factory())
            return call()
        raise DurableError("what is around durable functions must not swallow their exceptions")
