"""Calls that go straight to the store, from a process of the application itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from durable_celery.calling.caller import Time
from durable_celery.calling.request import Request, value_of
from durable_celery.errors import FunctionNotFound
from durable_celery.handle import Handle
from durable_celery.handler import Handler
from durable_celery.invocations import Invocations
from durable_celery.promises import Promises
from durable_celery.serde import BytesSerde, pack

_BYTES = BytesSerde()


class Direct:
    """The transport of `durable.client()`."""

    def __init__(
        self,
        invocations: Invocations,
        promises: Promises,
        get: Callable[[str], Handle[Any]],
        *,
        runs_here: Callable[[], bool],
    ) -> None:
        self._invocations = invocations
        self._promises = promises
        self._get = get
        self._runs_here = runs_here

    def accept(self, request: Request) -> Handle[Any]:
        """Record a call. Raises FunctionNotFound for a handler that cannot be called from here."""
        handler = self._handler(request)
        packed = handler.packed(request.arg) if request.handler is not None else handler.packed_bytes(request.body())
        return self._invocations.accept(
            handler, request.key, packed, idempotency_key=request.idempotency_key, delay_ms=request.delay_ms
        )

    def handle(self, invocation_id: str) -> Handle[Any]:
        """An invocation, or another execution; raises PromiseNotFound."""
        return self._get(invocation_id)

    def value(self, handler: Handler | None, packed: Any, handle: Handle[Any]) -> Any:
        """What a promise keeps, as the handler gave it."""
        if handler is not None:
            return handler.value(packed)
        known = self._known(handle.function)
        return packed if known is None else value_of(None, known.bytes_of(packed), known.content_type)

    def call(self, request: Request, timeout: Time) -> Any:
        handle = self.accept(request)
        return self.value(request.handler, handle.result(timeout), handle)

    def send(self, request: Request) -> tuple[str, bool]:
        handle = self.accept(request)
        return handle.id, handle.created

    def result(self, invocation_id: str, handler: Handler | None, timeout: Time) -> Any:
        handle = self.handle(invocation_id)
        return self.value(handler, handle.result(timeout), handle)

    def status(self, invocation_id: str) -> str:
        return self.handle(invocation_id).status

    def cancel(self, invocation_id: str) -> None:
        self.handle(invocation_id).cancel()

    def resolve(self, awakeable_id: str, value: Any) -> None:
        # What a serde of one's own reads is kept as a serde keeps it.
        self._promises.resolve(awakeable_id, pack(_BYTES, value) if isinstance(value, bytes) else value)

    def reject(self, awakeable_id: str, reason: str) -> None:
        self._promises.reject(awakeable_id, reason)

    def close(self) -> None:
        """The store is the application's own."""

    def _handler(self, request: Request) -> Handler:
        handler = request.handler or self._invocations.find(request.service, request.name)
        if handler.kind is not request.kind:
            raise TypeError(
                f"the kind of {handler.service} is {handler.kind}, not {request.kind}: write client.{handler.kind}(…)"
            )
        if handler.private:
            error = FunctionNotFound(handler.function)
            error.add_note("It is private: only other handlers may call it.")
            raise error
        if self._runs_here():
            self._invocations.find(handler.service, handler.name)  # nobody else could execute it
        return handler

    def _known(self, function: str) -> Handler | None:
        for each in self._invocations.services.values():
            for handler in each.handlers.values():
                if handler.function == function:
                    return handler
        return None


class AsyncDirect:
    """The transport of `durable.async_client()`: threads for what is quick, none while it waits."""

    def __init__(self, direct: Direct) -> None:
        self._direct = direct

    async def call(self, request: Request, timeout: Time) -> Any:
        handle = await asyncio.to_thread(self._direct.accept, request)
        return await self._value(handle, request.handler, timeout)

    async def send(self, request: Request) -> tuple[str, bool]:
        return await asyncio.to_thread(self._direct.send, request)

    async def result(self, invocation_id: str, handler: Handler | None, timeout: Time) -> Any:
        handle = await asyncio.to_thread(self._direct.handle, invocation_id)
        return await self._value(handle, handler, timeout)

    async def status(self, invocation_id: str) -> str:
        return await asyncio.to_thread(self._direct.status, invocation_id)

    async def cancel(self, invocation_id: str) -> None:
        await asyncio.to_thread(self._direct.cancel, invocation_id)

    async def resolve(self, awakeable_id: str, value: Any) -> None:
        await asyncio.to_thread(self._direct.resolve, awakeable_id, value)

    async def reject(self, awakeable_id: str, reason: str) -> None:
        await asyncio.to_thread(self._direct.reject, awakeable_id, reason)

    async def close(self) -> None:
        """The store is the application's own."""

    async def _value(self, handle: Handle[Any], handler: Handler | None, timeout: Time) -> Any:
        packed = await handle.wait(timeout)
        return await asyncio.to_thread(self._direct.value, handler, packed, handle)
