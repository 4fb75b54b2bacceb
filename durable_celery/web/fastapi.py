"""FastAPI: a router with the whole API, and answers about executions from routes of one's own."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Unpack

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.params import Depends
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.routing import NoMatchFound

from durable_celery.durable import Durable
from durable_celery.errors.problem import Problem
from durable_celery.function import Function
from durable_celery.handle import Handle
from durable_celery.web.core import Core, Slots, aresponding
from durable_celery.web.documents import operation, usual_status
from durable_celery.web.fastapi_lifespan import DurableDep, lifespan
from durable_celery.web.message import Req, Resp
from durable_celery.web.openapi import is_served
from durable_celery.web.options import ApiOptions, of_loops
from durable_celery.web.own import Own, problem_of_http
from durable_celery.web.routes import METHODS, ROOTS, ROUTES
from durable_celery.web.schemas import inlined

__all__ = ["DurableDep", "lifespan", "respond", "router"]

NAME = "durable"
_slots = Slots(None)


def router(
    durable: Durable,
    *,
    expose: Iterable[Function[..., Any] | str],
    dependencies: Sequence[Depends] | None = None,
    name: str = NAME,
    **options: Unpack[ApiOptions],
) -> APIRouter:
    """The API of the functions in `expose`, and of no others; include it with a `prefix`. See `ApiOptions`."""
    core = Core(durable, expose, of_loops(options), _translate)
    made = APIRouter(dependencies=dependencies, tags=[name])

    def endpoint(template: str) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            path = re.sub(r"\{(\w+)(?::path)?\}", lambda found: request.path_params[found[1]], template)
            return _sent(await core.ahandle(_request(request, path)))

        return answer

    for route in ROUTES:
        made.add_api_route(
            route.path,
            endpoint(route.path),
            methods=[route.method],
            status_code=usual_status(route),
            name=f"{name}:{route.name}",
            operation_id=f"{name}_{route.name}",
            summary=route.summary,
            response_model=None,
            response_class=Response,
            include_in_schema=is_served(route, core.options),
            openapi_extra=inlined(operation(route, core.options, core.names)),
        )
    for root in ROOTS:  # what is not served is answered by the core too
        for template in (f"/{root}", f"/{root}/{{rest:path}}"):
            made.add_api_route(template, endpoint(template), methods=list(METHODS), include_in_schema=False)
    return made


async def respond(
    found: Handle[Any] | Callable[[], Handle[Any]],
    request: Request | None = None,
    *,
    wait: float | None = None,
    location: str | None = None,
) -> Response:
    """The answer about an execution: 200 with its result when it is over, else 202 and where to ask.

    With the `request` it waits as the client prefers, at most 60 seconds; `wait` is
    for clients that do not say. Give the call instead of the handle
    (`lambda: fn.run(…)`) to have its refusals answered too: 409 for an id that is
    taken, 422 for arguments that do not fit. `location` is the path of the API, when
    it is not the router called `durable` of this application.
    """
    req = Req(method="POST") if request is None else _request(request, "/")
    base = location if location is not None or request is None else _mounted(request)
    own = Own(found, req, base, of_loops({}).max_wait, wait)
    return _sent(await aresponding(own.answer, _slots))


def _mounted(request: Request) -> str | None:
    try:
        path = request.app.url_path_for(f"{NAME}:executions")
    except NoMatchFound:
        return None
    return str(request.scope.get("root_path", "")) + str(path).removesuffix("/executions")


def _request(request: Request, path: str) -> Req:
    root, full = request.scope.get("root_path", ""), request.scope["path"]
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Req(
        method=request.method,
        path=path,
        base=(full if f"{full}/".startswith(f"{root}/") else root + full).removesuffix(path),
        query=dict(request.query_params),
        headers=headers,
        read=lambda limit: _read(request, limit),
        native=request,
    )


async def _read(request: Request, limit: int) -> bytes:
    read = bytearray()
    try:
        async for chunk in request.stream():
            read += chunk
            if len(read) >= limit:
                break
    except ClientDisconnect as error:
        raise Problem(400, "bad-request", "the client has gone") from error
    return bytes(read)


def _sent(answer: Resp) -> Response:
    if answer.stream is not None:
        return StreamingResponse(answer.stream.achunks(), answer.status, answer.headers)
    return Response(answer.body, answer.status, answer.headers)


def _translate(error: Exception) -> Problem | None:
    if not isinstance(error, HTTPException | StarletteHTTPException):
        return None
    detail = error.detail if isinstance(error.detail, str) else "this is not allowed to you"
    return problem_of_http(error.status_code, detail, error.headers)
