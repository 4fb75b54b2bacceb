"""Invocations: calls of handlers that come from outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from durable_celery import ids
from durable_celery.errors import FunctionNotFound
from durable_celery.handle import Handle
from durable_celery.handler import Handler
from durable_celery.handlers import Handlers
from durable_celery.registry import Options
from durable_celery.start import Starter, Target


class Invocations:
    """Accepts calls of the handlers bound to one Durable."""

    def __init__(self, *, starter: Callable[[], Starter], handle: Callable[..., Handle[Any]]) -> None:
        self.services: dict[str, Handlers] = {}
        self._starter = starter
        self._handle = handle

    def find(self, service: str, handler: str) -> Handler:
        """A handler by its names; raises FunctionNotFound."""
        found = self.services.get(service)
        if found is None or handler not in found.handlers:
            raise FunctionNotFound(f"{service}.{handler}")
        return found.handlers[handler]

    def go_on(self) -> None:
        """Take up what is unfinished, where handlers are executed in this process."""
        self._starter().wake()

    def accept(
        self,
        handler: Handler,
        key: str = "",
        packed: tuple[Any, ...] = (),
        *,
        idempotency_key: str | None = None,
        delay_ms: int = 0,
    ) -> Handle[Any]:
        """Record a call and hint that it is ready; `packed` is what the handler made of its argument.

        Its id is new, unless it is a workflow's run or has an idempotency key: then it
        attaches to the call there is, and IdConflict is raised when that has another argument.
        """
        target = Target(handler.object(key), handler.access)
        promise_id = handler.call_id(key, idempotency_key) or ids.new_id()
        options = Options(delay_ms=delay_ms or None)
        created = self._starter().start(promise_id, handler.function, 1, packed, {}, options, target=target)
        return self._handle(promise_id, created=created.fresh)
