"""Django: URL patterns with the whole API, and answers about executions from views of one's own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Unpack

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.urls import NoReverseMatch, URLPattern, re_path, reverse
from django.utils.module_loading import import_string

from durable_celery.durable import Durable
from durable_celery.errors.problem import Problem
from durable_celery.function import Function
from durable_celery.handle import Handle
from durable_celery.web.answers import of_problem
from durable_celery.web.core import Core, Slots, aresponding, responding
from durable_celery.web.environ import EnvironHeaders
from durable_celery.web.message import Req, Resp
from durable_celery.web.mount import Mount
from durable_celery.web.options import ApiOptions, Options, of_loops, of_threads
from durable_celery.web.own import Own, problem_of_http
from durable_celery.web.routes import ROOTS

__all__ = ["respond", "urls"]

NAME = "durable"
#: Methods that change nothing, which Django lets pass too (RFC 9110, section 9.2.1).
_SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
_threads, _loops = Options(), of_loops({})
_slots, _no_slots, _any_slots = Slots(_threads.max_waiters), Slots(0), Slots(None)


def urls(
    durable: Durable,
    *,
    expose: Iterable[Function[..., Any] | str],
    asynchronous: bool = False,
    **options: Unpack[ApiOptions],
) -> tuple[list[URLPattern], str]:
    """The API of the functions in `expose`, and of no others, for `include()`. See `ApiOptions`.

    `asynchronous` is for sites served by ASGI: without it nobody is waited for
    there, since a site has one thread for all its synchronous views. Requests that
    bear no token of their own need Django's CSRF token, where the site asks for one.
    """
    chosen = of_loops(options) if asynchronous else of_threads(options)
    exposed = list(expose)
    core = Core(durable, exposed, chosen, _translate)

    def view(request: HttpRequest, path: str) -> HttpResponseBase:
        refused = _forged(request)
        on_loop = isinstance(request, ASGIRequest)
        return _sent(refused or core.handle(_request(request, f"/{path}", hasty=on_loop)), on_loop=on_loop)

    async def aview(request: HttpRequest, path: str) -> HttpResponseBase:
        refused = _forged(request)
        answer = refused or await core.ahandle(_request(request, f"/{path}"))
        return _sent(answer, on_loop=isinstance(request, ASGIRequest))

    chosen_view: Any = aview if asynchronous else view
    chosen_view.csrf_exempt = True  # `_forged` looks, by its own rule
    chosen_view._non_atomic_requests = set(settings.DATABASES or {})  # an async view must say so
    names = frozenset(each if isinstance(each, str) else each.name for each in exposed)
    chosen_view.durable_mount = Mount(names, chosen, asynchronous)
    every = re_path(rf"^(?P<path>(?:{'|'.join(map(re.escape, ROOTS))})(?:/(?s:.*))?)\Z", chosen_view, name="api")
    return [re_path(r"^(?P<path>executions)\Z", chosen_view, name="executions"), every], NAME


def respond(
    found: Handle[Any] | Callable[[], Handle[Any]],
    request: HttpRequest | None = None,
    *,
    wait: float | None = None,
    location: str | None = None,
) -> Any:
    """The answer about an execution: 200 with its result when it is over, else 202 and where to ask.

    In an async view it is awaited: `return await respond(…)`. With the `request` it
    waits as the client prefers, at most 10 seconds and in an async view 60; `wait`
    is for clients that do not say. Give the call instead of the handle
    (`lambda: fn.run(…)`) to have its refusals answered too: 409 for an id that is
    taken, 422 for arguments that do not fit. `location` is the path of the API, when
    it is not included as `durable`.
    """
    req = Req(method="POST") if request is None else _request(request, "/")
    base = location if location is not None else _mounted()
    on_loop = isinstance(request, ASGIRequest)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        own = Own(found, req, base, _threads.max_wait, wait)
        return _sent(responding(own.answer, _no_slots if on_loop else _slots), on_loop=on_loop)
    return _aresponded(Own(found, req, base, _loops.max_wait, wait))


async def _aresponded(own: Own) -> HttpResponseBase:
    return _sent(await aresponding(own.answer, _any_slots), on_loop=True)


def _mounted() -> str | None:
    try:
        path: str = reverse(f"{NAME}:executions", kwargs={"path": "executions"})
    except NoReverseMatch:
        return None
    return path.removesuffix("/executions")


def _request(request: HttpRequest, path: str, *, hasty: bool = False) -> Req:
    headers: Mapping[str, str] = EnvironHeaders(request.META)
    if hasty:
        headers = {name: value for name, value in headers.items() if name != "prefer"}
    return Req(
        method=request.method or "GET",
        path=path,
        base=request.path.removesuffix(path),
        query=request.GET.dict() if request.META.get("QUERY_STRING") else {},
        headers=headers,
        read=request.read,
        native=request,
    )


def _sent(answer: Resp, *, on_loop: bool) -> HttpResponseBase:
    made: HttpResponseBase
    if answer.stream is not None:
        chunks: Any = answer.stream.achunks() if on_loop else answer.stream.chunks()
        made = StreamingHttpResponse(chunks, status=answer.status)
    else:
        made = HttpResponse(answer.body, status=answer.status, content_type=answer.headers.get("Content-Type", ""))
    if "Content-Type" not in answer.headers:
        del made.headers["Content-Type"]
    for name, value in answer.headers.items():
        made.headers[name] = value
    return made


def _translate(error: Exception) -> Problem | None:
    if isinstance(error, PermissionDenied):
        return problem_of_http(403, str(error) or "this is not allowed to you")
    return problem_of_http(404, "there is nothing for you at this address") if isinstance(error, Http404) else None


class _Csrf(CsrfViewMiddleware):
    """Answers why a request is refused, instead of a page."""

    def _reject(self, request: HttpRequest, reason: str) -> Any:
        return reason


def _forged(request: HttpRequest) -> Resp | None:
    """The refusal of a request that another site may have had the browser send.

    Browsers add cookies by themselves, but neither an Authorization header nor the token of a signed link.
    """
    if request.method in _SAFE or request.headers.get("Authorization") or request.GET.get("token"):
        return None
    if not _checks(tuple(settings.MIDDLEWARE)):
        return None
    check = _Csrf(lambda _: HttpResponse())
    check.process_request(request)
    reason = check.process_view(request, _unmarked, (), {})
    return None if reason is None else of_problem(Problem(403, "csrf", str(reason)))


@cache
def _checks(middleware: tuple[str, ...]) -> bool:
    """Whether a site with this middleware looks for such requests."""
    return any(
        isinstance(found := import_string(name), type) and issubclass(found, CsrfViewMiddleware) for name in middleware
    )


def _unmarked(_: HttpRequest) -> HttpResponse:
    """A view that is not exempt."""
    return HttpResponse()
