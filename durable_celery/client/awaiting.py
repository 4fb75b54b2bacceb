"""AsyncHttpTransport: carries flows in an event loop."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import httpx

from durable_celery.calling.caller import Time
from durable_celery.calling.request import Request
from durable_celery.client import asking, exchange
from durable_celery.client.flows import Flow, Flows
from durable_celery.handler import Handler

T = TypeVar("T")


class AsyncHttpTransport:
    """What `AsyncClient` is carried by; an httpx.AsyncClient that was given stays open."""

    def __init__(self, flows: Flows, http: httpx.AsyncClient | None) -> None:
        self._flows = flows
        self._http = http or httpx.AsyncClient(limits=exchange.LIMITS)
        self._owns = http is None

    async def call(self, request: Request, timeout: Time) -> Any:
        return await self._carry(self._flows.call(request, timeout))

    async def send(self, request: Request) -> tuple[str, bool]:
        return await self._carry(self._flows.send(request))

    async def result(self, invocation_id: str, handler: Handler | None, timeout: Time) -> Any:
        return await self._carry(self._flows.result(invocation_id, handler, timeout))

    async def status(self, invocation_id: str) -> str:
        return await self._carry(self._flows.status(invocation_id))

    async def cancel(self, invocation_id: str) -> None:
        await self._carry(self._flows.cancel(invocation_id))

    async def resolve(self, awakeable_id: str, value: Any) -> None:
        await self._carry(self._flows.settle(asking.resolve_of(awakeable_id, value)))

    async def reject(self, awakeable_id: str, reason: str) -> None:
        await self._carry(self._flows.settle(asking.reject_of(awakeable_id, reason)))

    async def close(self) -> None:
        if self._owns:
            await self._http.aclose()

    async def _carry(self, flow: Flow[T]) -> T:
        given: asking.Answer | asking.Lost | None = None
        while True:
            try:
                wanted = flow.send(given)
            except StopIteration as stop:
                value: T = stop.value
                return value
            if isinstance(wanted, asking.Asked):
                given = await self._exchange(wanted)
            else:
                given = None
                await asyncio.sleep(wanted)

    async def _exchange(self, asked: asking.Asked) -> asking.Answer | asking.Lost:
        try:
            return exchange.answered(await self._http.request(**exchange.arguments(self._flows, asked)))
        except exchange.TRANSPORT_ERROR as error:
            return exchange.lost(error)
