"""Waiting for an invocation while its caller is connected, and what the caller is answered."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from durable_celery.codec import Codec
from durable_celery.handle import Handle
from durable_celery.handler import Handler
from durable_celery.http.bodies import segment
from durable_celery.http.preferences import Preferences
from durable_celery.ingress import problems
from durable_celery.ingress.asking import preferences
from durable_celery.promise import Outcome, Promise

_RETRY_AFTER = {"Retry-After": "1"}


def about(request: Request, promise_id: str) -> dict[str, str]:
    """The headers that say which invocation an answer is of, and where to wait for it."""
    root = request.scope.get("root_path", "")
    return {"Durable-Id": promise_id, "Location": f"{root}/restate/invocation/{segment(promise_id)}/attach"}


def accepted(request: Request, handle: Handle[Any], heeded: Mapping[str, str]) -> Response:
    """202: it is recorded, and will be executed."""
    status = "Accepted" if handle.created else "PreviouslyAccepted"
    headers = {**about(request, handle.id), **_RETRY_AFTER, **heeded}
    return JSONResponse({"invocationId": handle.id, "status": status}, 202, headers)


def unfinished(request: Request, promise: Promise, heeded: Mapping[str, str] | None = None) -> Response:
    """202: how it stands, and that one may ask again."""
    headers = {**about(request, promise.id), **_RETRY_AFTER, **(heeded or {})}
    return JSONResponse({"invocationId": promise.id, "status": promise.status}, 202, headers)


def ended(request: Request, promise: Promise, handler: Handler, codec: Codec) -> Response:
    """What a settled invocation came to. Raises Problem for one that failed."""
    headers = about(request, promise.id)
    outcome = Outcome(promise.state, promise.value)
    if not outcome.resolved:
        raise problems.of_failure(promise, codec, headers)
    return returned(headers, handler, codec.unwrap(outcome, promise.id))


def returned(headers: Mapping[str, str], handler: Handler, packed: Any) -> Response:
    """200: the value as its handler's serde writes it; an empty body for None."""
    content = handler.bytes_of(packed)
    return Response(content, 200, {**headers, **({"Content-Type": handler.content_type} if content else {})})


async def waited(request: Request, handle: Handle[Any], handler: Handler, codec: Codec) -> Response:
    """The answer of an invocation: once it is over, or when the caller does not want to wait longer.

    Raises Problem as it failed, ClientDisconnect when the caller has gone; the invocation goes on.
    """
    wish = preferences(request)
    try:
        packed = await _while_connected(request, handle, wish)
    except (ClientDisconnect, asyncio.CancelledError):
        raise
    except Exception as error:
        # Was it raised by the invocation, or by the attempt to wait for it?
        promise = await _as_it_stands(request, handle)
        if promise.state.settled:
            return ended(request, promise, handler, codec)
        if isinstance(error, TimeoutError):
            return unfinished(request, promise, wish.applied("wait", "handling"))
        raise problems.while_waiting(error, handle.id, about(request, handle.id)) from error
    headers = {**about(request, handle.id), **wish.applied("wait", "handling")}
    return returned(headers, handler, packed)


async def _as_it_stands(request: Request, handle: Handle[Any]) -> Promise:
    try:
        return await asyncio.to_thread(handle.promise)
    except Exception as error:
        raise problems.while_waiting(error, handle.id, about(request, handle.id)) from error


async def _while_connected(request: Request, handle: Handle[Any], wish: Preferences) -> Any:
    waiting = asyncio.ensure_future(handle.wait(wish.wait_s))
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait((waiting, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            raise ClientDisconnect
        return waiting.result()
    finally:
        for task in (waiting, leaving):
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
