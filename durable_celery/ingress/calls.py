"""Calls of one handler: waited for, or sent."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from durable_celery.durable import Durable
from durable_celery.errors import IdConflict
from durable_celery.errors.problem import Problem
from durable_celery.handle import Handle
from durable_celery.handler import JSON, Handler
from durable_celery.http.preferences import Preferences
from durable_celery.ingress import answers, asking, problems


@dataclass(frozen=True, slots=True)
class Calls:
    """The endpoints of one handler."""

    durable: Durable
    handler: Handler
    max_body: int

    async def call(self, request: Request) -> Response:
        """Accept a call and answer with its result."""
        if "delay" in request.query_params:
            raise Problem(400, "bad-delay", "only what is sent can be delayed: add /send to the address")
        wish = asking.preferences(request)
        handle = await self._accepted(request, wish, 0)
        if wish.respond_async and wish.wait_s is None:
            return answers.accepted(request, handle, wish.applied("respond-async", "handling"))
        return await answers.waited(request, handle, self.handler, self.durable.codec)

    async def send(self, request: Request) -> Response:
        """Accept a call, now or for later, and answer with its id."""
        wish = asking.preferences(request)
        handle = await self._accepted(request, wish, asking.delay_ms(request))
        return answers.accepted(request, handle, wish.applied("respond-async", "handling"))

    async def _accepted(self, request: Request, wish: Preferences, delay_ms: int) -> Handle[Any]:
        by_key = asking.idempotency_key(request)
        body = await asking.body(request, self.handler.accept, self.max_body)
        key = request.path_params.get("key", "")
        handle = await asyncio.to_thread(self._accept, key, body, by_key, delay_ms)
        if wish.strict and not handle.created:
            headers = {**answers.about(request, handle.id), **wish.applied("handling")}
            detail = "this call was accepted before; its result is at the address in Location"
            raise Problem(409, "already-accepted", detail, headers=headers, invocationId=handle.id)
        return handle

    def _accept(self, key: str, body: bytes, by_key: str | None, delay_ms: int) -> Handle[Any]:
        handler = self.handler
        try:
            packed = handler.packed_bytes(b"" if self._is_nothing(body) else body)
        except Exception as error:
            raise problems.of_argument(error) from error
        try:
            return self.durable.invocations.accept(handler, key, packed, idempotency_key=by_key, delay_ms=delay_ms)
        except IdConflict as error:
            raise problems.of_conflict(error, by_key=by_key is not None and not handler.is_run) from error

    def _is_nothing(self, body: bytes) -> bool:
        """Clients that always send JSON send null where there is no argument."""
        return self.handler.input is None and self.handler.accept == JSON and body.strip() == b"null"
