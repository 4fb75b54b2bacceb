"""HttpTransport: carries flows with a thread."""

from __future__ import annotations

import time
from typing import Any, TypeVar

import httpx

from durable_celery.calling.caller import Time
from durable_celery.calling.request import Request
from durable_celery.client import asking, exchange
from durable_celery.client.flows import Flow, Flows
from durable_celery.handler import Handler

T = TypeVar("T")


class HttpTransport:
    """What `Client` is carried by; an httpx.Client that was given stays open."""

    def __init__(self, flows: Flows, http: httpx.Client | None) -> None:
        self._flows = flows
        self._http = http or httpx.Client(limits=exchange.LIMITS)
        self._owns = http is None

    def call(self, request: Request, timeout: Time) -> Any:
        return self._carry(self._flows.call(request, timeout))

    def send(self, request: Request) -> tuple[str, bool]:
        return self._carry(self._flows.send(request))

    def result(self, invocation_id: str, handler: Handler | None, timeout: Time) -> Any:
        return self._carry(self._flows.result(invocation_id, handler, timeout))

    def status(self, invocation_id: str) -> str:
        return self._carry(self._flows.status(invocation_id))

    def cancel(self, invocation_id: str) -> None:
        self._carry(self._flows.cancel(invocation_id))

    def resolve(self, awakeable_id: str, value: Any) -> None:
        self._carry(self._flows.settle(asking.resolve_of(awakeable_id, value)))

    def reject(self, awakeable_id: str, reason: str) -> None:
        self._carry(self._flows.settle(asking.reject_of(awakeable_id, reason)))

    def close(self) -> None:
        if self._owns:
            self._http.close()

    def _carry(self, flow: Flow[T]) -> T:
        given: asking.Answer | asking.Lost | None = None
        while True:
            try:
                wanted = flow.send(given)
            except StopIteration as stop:
                value: T = stop.value
                return value
            if isinstance(wanted, asking.Asked):
                given = self._exchange(wanted)
            else:
                given = None
                time.sleep(wanted)

    def _exchange(self, asked: asking.Asked) -> asking.Answer | asking.Lost:
        try:
            return exchange.answered(self._http.request(**exchange.arguments(self._flows, asked)))
        except exchange.TRANSPORT_ERROR as error:
            return exchange.lost(error)
