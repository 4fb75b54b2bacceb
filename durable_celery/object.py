"""VirtualObject: handlers that are called with a key, and the state of each key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar, Unpack

from durable_celery.handler import Kind
from durable_celery.handlers import HandlerOptions, Handlers
from durable_celery.keyed import KeyedContext, Writing
from durable_celery.promise import Access
from durable_celery.store import Change

F = TypeVar("F", bound=Callable[..., Any])


class ObjectSharedContext(KeyedContext):
    """The ctx of a shared handler: it reads what the last exclusive one left, and changes nothing."""


class ObjectContext(Writing, ObjectSharedContext):
    """The ctx of an exclusive handler, the only one of its key at work.

    What it changes is written together with its result, whether that is a value
    or an error; nobody sees it before.
    """

    def _alter(self, name: str, changes: list[Change]) -> None:
        self._performer.state.alter(changes)


class VirtualObject(Handlers):
    """Handlers with a key, and a state for each: `Counter = VirtualObject("Counter")`.

    Exclusive handlers of a key are executed one at a time, in order of acceptance;
    shared ones beside them.
    """

    kind = Kind.OBJECT

    def handler(
        self,
        name: str | None = None,
        kind: Literal["exclusive", "shared"] = "exclusive",
        **options: Unpack[HandlerOptions],
    ) -> Callable[[F], F]:
        """Make a function of ctx and at most one argument a handler, called by its own name or another."""
        if kind == "shared":
            return lambda fn: self.add(fn, name, Access.SHARED, ObjectSharedContext, **options)
        if kind == "exclusive":
            return lambda fn: self.add(fn, name, Access.EXCLUSIVE, ObjectContext, **options)
        raise TypeError(f"a handler is exclusive or shared, not {kind!r}")
