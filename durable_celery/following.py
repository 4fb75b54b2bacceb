"""Following promises on an event loop: all who follow the same one share its looks at the store, and no thread is held.

A store answers threads, so a look is made in one of a few that are kept for
looks alone. There is one after each hint, and a slow one by itself, whoever
many follow.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from durable_celery.errors import PromiseNotFound
from durable_celery.promise import Promise
from durable_celery.store import Store

#: A record, its journal if that was asked for, and how many seconds of a CPU the look took.
Looked = tuple[Promise, Mapping[str, str], float]
logger = logging.getLogger("durable_celery")

#: How many looks are made at the same time in one process, and so the connections that looks take.
LOOKERS = 4
#: About so many seconds pass between two looks without a hint, which are for hints that were lost.
LOOK_S = 15.0
#: The least time until a deadline that is waited for.
_SOON_S = 0.05
#: Hints that come faster are taken together; looks at one long journal take at most this part of a CPU.
_GATHER_S, _PART = 0.02, 0.2


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look found, or why it failed. The journal is there for those who follow closely."""

    number: int
    promise: Promise | None = None
    journal: Mapping[str, str] = field(default_factory=dict)
    error: Exception | None = None
    #: What those who share it have made of it.
    made: dict[Any, Any] = field(default_factory=dict)


class Followed:
    """One promise, followed by some on one loop."""

    def __init__(self, store: Store, promise_id: str, look: Look, *, closely: bool) -> None:
        self.followers = 0
        self._store = store
        self._id = promise_id
        self._look = look
        self._closely = closely
        self._loop = asyncio.get_running_loop()
        self._hinted = asyncio.Event()
        self._told: asyncio.Future[None] = self._loop.create_future()
        self._sight = Sight(0)
        self._took_s = 0.0
        self.begun = 0
        self._task = self._loop.create_task(self._run())

    def refresh(self) -> int:
        """Have another look made; answers the number of the last one before it."""
        self._hinted.set()
        return self.begun

    async def after(self, number: int, timeout_s: float | None = None) -> Sight:
        """What a later look than this one found. Raises TimeoutError, and what went wrong with the look."""
        async with asyncio.timeout(timeout_s):
            while self._sight.number <= number:
                await asyncio.shield(self._told)
        if self._sight.error is not None:
            raise self._sight.error
        return self._sight

    def close(self) -> None:
        """Nobody follows any more."""
        self._task.cancel()

    async def _run(self) -> None:
        unwatch: Callable[[], None] | None = None
        try:
            while True:
                await self._make()
                promise = self._sight.promise
                settled = promise is not None and promise.state.settled
                if promise is not None and unwatch is None and not settled:
                    unwatch = await self._watch()
                    if unwatch is not None:
                        continue  # it may have changed meanwhile
                hinted = await self._rest(None if settled else _pause_s(promise))
                if hinted and self._closely:
                    await asyncio.sleep(max(_GATHER_S, self._took_s / _PART))
        finally:
            if unwatch is not None:
                unwatch()

    async def _make(self) -> None:
        """One look, told to all who follow."""
        self._hinted.clear()
        self.begun += 1
        number = self.begun
        try:
            promise, journal, self._took_s = await self._look(self._id, closely=self._closely)
            self._sight = Sight(number, promise, journal)
        except Exception as error:  # told to those who follow: they know what to do about it
            self._sight = Sight(number, error=error)
        told, self._told = self._told, self._loop.create_future()
        told.set_result(None)

    async def _watch(self) -> Callable[[], None] | None:
        try:
            return await watched(lambda: self._store.watch(self._id, self._hint, closely=self._closely))
        except Exception as error:
            logger.debug("no hints for now about %s: %s", self._id, error)
            return None

    async def _rest(self, seconds: float | None) -> bool:
        """Until there is a hint (True), or for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._hinted.wait()
        except TimeoutError:
            return False
        return True

    def _hint(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._hinted.set)
        except RuntimeError:  # the loop is closed: nobody follows any more
            pass


def _pause_s(promise: Promise | None) -> float:
    """Not all at the same time, and not beyond a deadline: what has passed it is over, also where nobody sweeps."""
    pause_s = LOOK_S * random.uniform(0.8, 1.2)  # noqa: S311
    if promise is None or promise.deadline_at is None:
        return pause_s
    return min(pause_s, max(promise.deadline_at / 1000 - time.time(), _SOON_S))


class Look:
    """Looks at one store for one loop, in threads of their own.

    When the store does not answer, all who asked before that is known are told so
    with the first one, instead of one after the other.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._failed_at = 0.0
        self._failure: Exception | None = None

    async def __call__(self, promise_id: str, *, closely: bool) -> Looked:
        call = functools.partial(self._now, promise_id, closely, time.monotonic())
        return await asyncio.get_running_loop().run_in_executor(_lookers(os.getpid()), call)

    def _now(self, promise_id: str, closely: bool, asked_at: float) -> Looked:
        if self._failure is not None and asked_at <= self._failed_at:
            raise self._failure
        began = time.thread_time()
        try:
            promise, journal = self._store.read(promise_id) if closely else (self._store.get(promise_id), {})
            return promise, journal, time.thread_time() - began
        except PromiseNotFound:
            raise
        except Exception as error:
            self._failure, self._failed_at = error, time.monotonic()
            raise


@dataclass(slots=True)
class _Following:
    look: Look
    followed: dict[tuple[str, bool], Followed] = field(default_factory=dict)


_followings: dict[tuple[asyncio.AbstractEventLoop, Store], _Following] = {}


@asynccontextmanager
async def follow(store: Store, promise_id: str, *, closely: bool = False) -> AsyncIterator[Followed]:
    """Follow a promise: with `closely` its steps too, else only its end."""
    place, kind = (asyncio.get_running_loop(), store), (promise_id, closely)
    following = _followings.setdefault(place, _Following(Look(store)))
    followed = following.followed.get(kind)
    if followed is None:
        followed = following.followed[kind] = Followed(store, promise_id, following.look, closely=closely)
    followed.followers += 1
    try:
        yield followed
    finally:
        followed.followers -= 1
        if not followed.followers:
            followed.close()
            del following.followed[kind]
            if not following.followed:
                _followings.pop(place, None)


async def watched(watch: Callable[[], Callable[[], None]]) -> Callable[[], None]:
    """Begin to watch, in a thread; who is cancelled meanwhile leaves no watch behind. Answers what ends it."""
    watching = asyncio.get_running_loop().run_in_executor(_lookers(os.getpid()), watch)
    try:
        return await asyncio.shield(watching)
    except asyncio.CancelledError:
        watching.add_done_callback(_ended)
        raise


def _ended(watching: asyncio.Future[Callable[[], None]]) -> None:
    if not watching.cancelled() and watching.exception() is None:
        watching.result()()


@functools.cache
def _lookers(pid: int) -> ThreadPoolExecutor:  # noqa: ARG001  # a forked process has none of its parent's threads
    return ThreadPoolExecutor(LOOKERS, thread_name_prefix="durable-look")
