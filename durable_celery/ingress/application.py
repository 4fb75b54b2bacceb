"""Ingress: the ASGI application, its routes, and the one place where errors become answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from durable_celery.durable import Durable
from durable_celery.errors import InvalidName
from durable_celery.handler import Handler
from durable_celery.handlers import Handlers
from durable_celery.http.bodies import segment
from durable_celery.ingress import problems
from durable_celery.ingress.awakeables import Awakeables
from durable_celery.ingress.calls import Calls
from durable_celery.ingress.known import Endpoint, Known, Named, by_call, by_id
from durable_celery.ingress.openapi import document
from durable_celery.ingress.paths import encoded

if TYPE_CHECKING:
    from celery import Celery

#: The first segment of the addresses that belong to no service.
RESERVED = "restate"
#: What is said to a caller who is not there any more; only logs show it.
_GONE = 499


class Ingress:
    """Takes calls over HTTP. Serve it with uvicorn or hypercorn, or mount it in another ASGI application."""

    def __init__(
        self,
        services: tuple[Handlers, ...],
        durable: Durable,
        *,
        owns: bool,
        max_body: int,
        authorize: Callable[[str, str, str, Any], Any] | None = None,
    ) -> None:
        self.durable = durable
        self.services: Mapping[str, Handlers] = {each.name: each for each in services}
        if RESERVED in self.services:
            raise InvalidName(f"a service cannot be called {RESERVED!r}: its addresses would be those of invocations")
        durable.bind(*services)
        self._owns = owns
        self._max_body = max_body
        self._begun = False
        self._handlers = [each for service in services for each in service.handlers.values() if not each.private]
        self._known = Known(durable, {each.function: each for each in self._handlers}, authorize)
        self._asgi = Starlette(
            routes=list(self._routes()),
            exception_handlers={404: _of_framework, 405: _of_framework},
            lifespan=self._lifespan,
        )
        self._asgi.router.redirect_slashes = False

    @property
    def celery(self) -> Celery | None:
        """The Celery application whose workers execute the handlers; None where this process does."""
        return self.durable.app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = encoded(dict(scope))
            await self._go_on()  # who mounts an application need not pass its lifespan on
        await self._asgi(scope, receive, send)

    async def _go_on(self) -> None:
        if not self._begun:
            self._begun = True
            await asyncio.to_thread(self.durable.invocations.go_on)

    def _routes(self) -> Iterator[Route]:
        yield _route("GET", "/healthz", _healthy)
        yield _route("GET", "/openapi.json", self._openapi)
        awakeables = Awakeables(self.durable, self._max_body)
        yield _route("POST", f"/{RESERVED}/awakeables/{{id:segment}}/resolve", awakeables.resolve)
        yield _route("POST", f"/{RESERVED}/awakeables/{{id:segment}}/reject", awakeables.reject)
        invocation = f"/{RESERVED}/invocation"
        yield from self._to_known(f"{invocation}/{{id:segment}}", by_id)
        yield _route("POST", f"{invocation}/{{id:segment}}/cancel", self._known.cancel)
        for handler in self._handlers:
            calls = Calls(self.durable, handler, self._max_body)
            path = address(handler, "{key:segment}")
            yield _route("POST", path, calls.call)
            yield _route("POST", f"{path}/send", calls.send)
            if handler.is_run:
                yield from self._to_known(
                    f"/{RESERVED}/workflow/{segment(handler.service)}/{{key:segment}}", by_call(handler)
                )
            else:
                yield from self._to_known(f"{invocation}{path}/{{idempotency_key:segment}}", by_call(handler))

    def _to_known(self, path: str, named: Named) -> Iterator[Route]:
        yield _route("GET", f"{path}/attach", self._known.attach(named))
        yield _route("GET", f"{path}/output", self._known.output(named))

    async def _openapi(self, request: Request) -> Response:
        root = request.scope.get("root_path", "")
        return JSONResponse({**self._document, "servers": [{"url": root or "/"}]})

    @cached_property
    def _document(self) -> dict[str, Any]:
        return document(self.services.values(), address)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        await self._go_on()
        yield
        if self._owns:
            await asyncio.to_thread(self.durable.close)


def address(handler: Handler, key: str) -> str:
    """The path of a handler; `key` stands where the key does."""
    middle = f"/{key}" if handler.keyed else ""
    return f"/{segment(handler.service)}{middle}/{segment(handler.name)}"


def _route(method: str, path: str, endpoint: Endpoint) -> Route:
    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ClientDisconnect:
            return Response(status_code=_GONE)
        except Exception as error:
            return problems.answer(problems.of_request(error))

    return Route(path, answered, methods=[method])


async def _healthy(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _of_framework(_: Request, error: Exception) -> Response:
    return problems.answer(problems.of_request(error))
