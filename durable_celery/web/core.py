"""The core: a request in, an answer out, the same in every framework; with threads, or on an event loop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from durable_celery.durable import Durable
from durable_celery.errors import (
    DurableError,
    FunctionNotFound,
    IdConflict,
    InvalidArguments,
    InvalidValue,
    NotSerializable,
)
from durable_celery.errors.problem import Problem
from durable_celery.function import Function
from durable_celery.http.bodies import check_coding, check_declared, check_media_type, too_large
from durable_celery.web.answers import JSON, of_problem
from durable_celery.web.events import Events
from durable_celery.web.exposed import PROBLEMS, Exposed
from durable_celery.web.links import Links
from durable_celery.web.message import Call, Req, Resp, Wait
from durable_celery.web.options import Options, Translate
from durable_celery.web.routes import find
from durable_celery.web.site import Site

logger = logging.getLogger("durable_celery")


class Slots:
    """How many may wait or listen at once; without a number, any."""

    def __init__(self, number: int | None) -> None:
        self._free = None if number is None else threading.Semaphore(number)

    @contextmanager
    def taken(self) -> Iterator[bool]:
        """Whether there was one; it is given back at the end."""
        if self._free is None:
            yield True
            return
        got = self._free.acquire(blocking=False)
        try:
            yield got
        finally:
            if got:
                self._free.release()


@dataclass(frozen=True, slots=True)
class Counted:
    """A stream that takes a slot while it is listened to; without one it tells what there is, and ends."""

    events: Events
    slots: Slots

    def chunks(self) -> Iterator[bytes]:
        with self.slots.taken() as got:
            if not got:
                self.events.shorten()
            yield from self.events.chunks()

    async def achunks(self) -> AsyncIterator[bytes]:
        with self.slots.taken() as got:
            if not got:
                self.events.shorten()
            async for chunk in self.events.achunks():
                yield chunk


class Core:
    """One mounted API."""

    def __init__(
        self,
        durable: Durable,
        expose: Iterable[Function[..., Any] | str],
        options: Options,
        translate: Translate = lambda _: None,
    ) -> None:
        exposed = Exposed(durable, expose, options, translate)
        links = None if options.secret is None else Links(options.secret)
        self._site = Site(durable, exposed, options, links)
        self.slots = Slots(options.max_waiters)
        #: What is known of it before the first request, for documents.
        self.options, self.names = options, exposed.names

    def handle(self, req: Req) -> Resp:
        """The answer; a thread is held while it is waited for."""
        try:
            found = find(req.method, req.path)
            if isinstance(found, str):
                return _other_method(req, found)
            data = b""
            if found[0].takes_body:
                check_declared(req.header("content-length"), self._limit)
                data = self._checked(req, _bytes(req.read(self._limit + 1)))
            answer = _resolve(found[0].endpoint(self._site, Call(req, found[1], data, _run)), self.slots)
        except Exception as error:
            answer = failed(error)
        return self._sent(req, answer)

    async def ahandle(self, req: Req) -> Resp:
        """The answer; no thread is held while it is waited for."""
        try:
            found = find(req.method, req.path)
            if isinstance(found, str):
                return _other_method(req, found)
            data = b""
            if found[0].takes_body:
                check_declared(req.header("content-length"), self._limit)
                read = req.read(self._limit + 1)
                data = self._checked(req, read if isinstance(read, bytes) else await read)
            call = Call(req, found[1], data, _on(asyncio.get_running_loop()))
            answer = await _aresolve(await asyncio.to_thread(found[0].endpoint, self._site, call), self.slots)
        except Exception as error:
            answer = failed(error)
        return self._sent(req, answer)

    def _checked(self, req: Req, data: bytes) -> bytes:
        if len(data) > self._limit:
            raise too_large(self._limit)
        if data:
            check_media_type(req.header("content-type"), JSON)
            check_coding(req.header("content-encoding"))
        return data

    @property
    def _limit(self) -> int:
        return self._site.options.max_body

    def _sent(self, req: Req, answer: Resp) -> Resp:
        if req.method == "HEAD":
            return replace(answer, body=b"", stream=None)
        if isinstance(answer.stream, Events):
            return replace(answer, stream=Counted(answer.stream, self.slots))
        return answer


def responding(answer: Callable[[], Resp | Wait], slots: Slots) -> Resp:
    """The answer of a route of one's own, whatever went wrong in it that is not its own."""
    try:
        return _resolve(answer(), slots)
    except Exception as error:
        return _of_route(error)


async def aresponding(answer: Callable[[], Resp | Wait], slots: Slots) -> Resp:
    """The same on an event loop."""
    try:
        return await _aresolve(await asyncio.to_thread(answer), slots)
    except Exception as error:
        return _of_route(error)


def failed(error: Exception) -> Resp:
    """The answer to a request that something was wrong with."""
    return of_problem(PROBLEMS.of_request(error))


def _of_route(error: Exception) -> Resp:
    """Also of what a call of one's own route refuses; what the route itself raises is left to the framework."""
    match error:
        case IdConflict():
            detail = "this id was used before with another function or other arguments"
            return of_problem(Problem(409, "id-conflict", detail, id=error.promise_id))
        case InvalidArguments() | NotSerializable() | InvalidValue():
            return of_problem(PROBLEMS.of_argument(error))
        case FunctionNotFound():
            raise error
    if not isinstance(error, DurableError):
        raise error
    problem = PROBLEMS.of_request(error)
    if problem.kind == "about:blank":
        raise error
    return of_problem(problem)


def _resolve(found: Resp | Wait, slots: Slots) -> Resp:
    if isinstance(found, Resp):
        return found
    with slots.taken() as got:
        if got:
            try:
                found.handle.result(found.seconds)
            except Exception as error:  # what it came to is read from its record, also when that fails
                logger.debug("waited for %s: %r", found.handle.id, error)
    return found.then(got)


async def _aresolve(found: Resp | Wait, slots: Slots) -> Resp:
    if isinstance(found, Resp):
        return found
    with slots.taken() as got:
        if got:
            try:
                await found.handle.wait(found.seconds)
            except Exception as error:
                logger.debug("waited for %s: %r", found.handle.id, error)
    return await asyncio.to_thread(found.then, got)


def _other_method(req: Req, allow: str) -> Resp:
    if req.method == "OPTIONS":
        return Resp(204, {"Allow": allow})
    problem = Problem(405, "method-not-allowed", f"this address takes {allow}", headers={"Allow": allow})
    return of_problem(problem)


def _bytes(read: bytes | Awaitable[bytes]) -> bytes:
    assert isinstance(read, bytes), "who handles requests with threads reads them with threads"
    return read


def _run(awaitable: Awaitable[Any]) -> Any:
    async def waited() -> Any:
        return await awaitable

    return asyncio.run(waited())


def _on(loop: asyncio.AbstractEventLoop) -> Callable[[Awaitable[Any]], Any]:
    """Waits, in the thread of an endpoint, for what the loop does."""

    async def waited(awaitable: Awaitable[Any]) -> Any:
        return await awaitable

    return lambda awaitable: asyncio.run_coroutine_threadsafe(waited(awaitable), loop).result()
