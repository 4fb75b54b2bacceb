"""Invocations that exist already: attach to them, look at them, cancel them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from durable_celery.durable import Durable
from durable_celery.errors import Parked, PromiseNotFound
from durable_celery.errors.problem import Problem
from durable_celery.handle import Handle
from durable_celery.handler import Handler
from durable_celery.http.permission import REFUSED, forbidden, lets
from durable_celery.ingress import answers, problems
from durable_celery.promise import Phase, Promise, State

Endpoint = Callable[[Request], Awaitable[Response]]
#: Which invocation a request is about.
Named = Callable[[Request], str]


def by_id(request: Request) -> str:
    """By its own id."""
    return str(request.path_params["id"])


def by_call(handler: Handler) -> Named:
    """By the key of its workflow, or the idempotency key that it was made with."""

    def named(request: Request) -> str:
        found = request.path_params
        promise_id = handler.call_id(found.get("key", ""), found.get("idempotency_key"))
        assert promise_id is not None
        return promise_id

    return named


@dataclass(frozen=True, slots=True)
class Known:
    """The endpoints for invocations of the handlers that are served; there are no others here."""

    durable: Durable
    #: By the name of their durable function.
    handlers: Mapping[str, Handler]
    #: Says who may cancel; without it whoever knows an id may, as its caller does.
    authorize: Callable[[str, str, str, Any], Any] | None = None

    def attach(self, named: Named) -> Endpoint:
        """Wait for the result."""

        async def attach(request: Request) -> Response:
            handle, _, handler = await self._found(named(request))
            return await answers.waited(request, handle, handler, self.durable.codec)

        return attach

    def output(self, named: Named) -> Endpoint:
        """The result if it is there."""

        async def output(request: Request) -> Response:
            _, promise, handler = await self._found(named(request))
            if promise.state.settled:
                return answers.ended(request, promise, handler, self.durable.codec)
            if promise.phase is Phase.PARKED:
                raise Parked(promise.id, promise.reason)
            return answers.unfinished(request, promise)

        return output

    async def cancel(self, request: Request) -> Response:
        """Cancel it, and everything below it, for whom the hook lets."""
        promise_id = by_id(request)
        try:
            handle, promise, handler = await self._found(promise_id)
        except (Problem, PromiseNotFound):  # who may not ask is not told what there is
            await self._permit(request, "", promise_id)
            raise
        await self._permit(request, handler.function, promise_id)
        said = {"invocationId": promise.id, "status": promise.status}
        if promise.state is State.CANCELED:
            return JSONResponse(said)
        if promise.state.settled:
            detail = f"the invocation is over: {promise.status}"
            raise Problem(409, "already-terminal", detail, invocationId=promise.id)
        await asyncio.to_thread(handle.cancel)
        return JSONResponse({**said, "status": "cancelling"}, 202, answers.about(request, promise.id))

    async def _permit(self, request: Request, function: str, promise_id: str) -> None:
        if self.authorize is None:
            return
        try:
            said = await asyncio.to_thread(self.authorize, function, promise_id, "cancel", request)
            if not lets(await said if inspect.isawaitable(said) else said):
                raise forbidden()
        except PermissionError as error:
            raise forbidden(str(error) or REFUSED) from error

    async def _found(self, promise_id: str) -> tuple[Handle[Any], Promise, Handler]:
        handle, promise = await asyncio.to_thread(self._looked_up, promise_id)
        handler = self.handlers.get(promise.function)
        if handler is None:
            raise problems.unknown(promise_id)
        return handle, promise, handler

    def _looked_up(self, promise_id: str) -> tuple[Handle[Any], Promise]:
        handle = self.durable.get(promise_id)
        return handle, handle.promise()
