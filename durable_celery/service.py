"""Service: handlers that are called by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, Unpack

from durable_celery.context import Context
from durable_celery.handler import Kind
from durable_celery.handlers import HandlerOptions, Handlers
from durable_celery.promise import Access

F = TypeVar("F", bound=Callable[..., Any])


class Service(Handlers):
    """Durable functions under one name: `Greeter = Service("Greeter")`, `@Greeter.handler()`."""

    kind = Kind.SERVICE

    def handler(self, name: str | None = None, **options: Unpack[HandlerOptions]) -> Callable[[F], F]:
        """Make a function of ctx and at most one argument a handler, called by its own name or another."""
        return lambda fn: self.add(fn, name, Access.SHARED, Context, **options)
