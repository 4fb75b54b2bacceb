"""Awakeables, settled by whoever was given their id."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from durable_celery.durable import Durable
from durable_celery.errors import AlreadySettled, NotExternal, Rejected
from durable_celery.errors.problem import Problem
from durable_celery.handler import JSON
from durable_celery.ingress import asking, problems
from durable_celery.promise import Promise, State

_BYTES = "application/octet-stream"
#: Other external promises are not settled from here: their ids can be guessed.
_PREFIX = "awk_"


@dataclass(frozen=True, slots=True)
class Awakeables:
    """The endpoints for awakeables. Who settles one a second time in the same way is told that it went well."""

    durable: Durable
    max_body: int

    async def resolve(self, request: Request) -> Response:
        """Resolve it with the JSON of the body; with bytes for an awakeable whose serde is not JSON."""
        content = await asking.body(request, f"{JSON}, {_BYTES}", self.max_body)
        if asking.media_type(request) == _BYTES:
            value: Any = base64.b64encode(content).decode()
        else:
            value = _json(content)
        text = await asyncio.to_thread(self.durable.codec.encode, value, "the value of an awakeable")

        def same(promise: Promise) -> bool:
            opened = self.durable.codec.seal.open  # of one value no two encrypted texts are the same
            return promise.state is State.RESOLVED and opened(promise.value) == opened(text)

        return await self._settle(request, lambda told: self.durable.promises.resolve(told, value), same)

    async def reject(self, request: Request) -> Response:
        """Reject it with the reason in the body: text, or JSON of the form {"reason": "…"}."""
        content = await asking.body(request, f"{JSON}, text/plain", self.max_body)
        reason = _reason(request, content)
        wanted = self.durable.codec.decode(self.durable.codec.failure(Rejected(reason)).value)

        def same(promise: Promise) -> bool:
            if promise.state is not State.REJECTED:
                return False
            found = self.durable.codec.decode(promise.value)
            return isinstance(found, dict) and all(found.get(name) == wanted[name] for name in ("type", "message"))

        return await self._settle(request, lambda told: self.durable.promises.reject(told, reason), same)

    async def _settle(
        self, request: Request, settle: Callable[[str], Promise], same: Callable[[Promise], bool]
    ) -> Response:
        told = request.path_params["id"]
        if not told.startswith(_PREFIX):
            raise problems.unknown(told)
        try:
            promise = await asyncio.to_thread(settle, told)
        except NotExternal as error:
            raise problems.unknown(told) from error
        except AlreadySettled as error:
            promise = await asyncio.to_thread(self.durable.promises.get, told)
            if not same(promise):
                raise _settled(promise) from error
        if promise.state is State.TIMEDOUT:
            raise _settled(promise)
        return JSONResponse({"awakeableId": told, "status": promise.state})


def _settled(promise: Promise) -> Problem:
    if promise.state is State.TIMEDOUT:
        return Problem(410, "timed-out", "nobody settled the awakeable in time")
    detail = f"the awakeable is {promise.state} already, and that never changes"
    return Problem(409, "already-settled", detail, state=promise.state)


def _json(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except (ValueError, RecursionError) as error:
        raise Problem(400, "bad-json", f"the body is not JSON: {error}") from error


def _reason(request: Request, content: bytes) -> str:
    if asking.media_type(request) == JSON:
        said = _json(content)
        said = said.get("reason") if isinstance(said, dict) else said
        if said is not None and not isinstance(said, str):
            detail = "a reason is a text"
            raise Problem(422, "invalid-arguments", detail, path="$", errors=[{"path": "$", "reason": detail}])
        return said or "rejected"
    return content.decode(errors="replace") or "rejected"
