"""What happens to an execution as server-sent events, told from its record and its journal.

There is no stream of events in the store: a look says how everything stands, and
an event is what a client has not seen of it. The id of an event says what was
seen by then, so that a client goes on where it was, at any server.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
import threading
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Any

from durable_celery.errors import PromiseNotFound, StoreFull, StoreUnavailable
from durable_celery.following import Followed, Sight
from durable_celery.promise import Promise
from durable_celery.steps import Step, steps_of
from durable_celery.web.answers import View, dumps, step

logger = logging.getLogger("durable_celery")

#: After a lost connection a client comes back after so many milliseconds.
RETRY_MS = 2000
#: Between two looks, in seconds; hints make it shorter.
_FIRST_LOOK_S, _LONGEST_LOOK_S = 0.05, 1.0
#: Hints that come together are taken together.
_GATHER_S = 0.02
#: A longer id would be a burden to headers: then all steps are told again after a lost connection.
_LONGEST_ID = 1000
_END = "end"
_token = re.compile(r"((?:\d{1,6}\.)*)(\d{1,6})(?:-(\d{1,6})|p(\d{1,9}))?\Z", re.ASCII)
_MOST_STEPS = 20_000
_LONGEST_NUMBER = 16


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client has seen: the status and attempt, the progress, how each step stood, by position, and how many
    lines of the log."""

    status: str = ""
    progress: str = "0"
    steps: Mapping[str, str] = field(default_factory=dict)
    ended: bool = False
    logged: int = 0

    def encode(self) -> str:
        """The id of the event after which this was seen."""
        if self.ended:
            return _END
        steps = ",".join(_runs(self.steps))
        log = f";{self.logged}" if self.logged else ""
        return f"{self.status};{self.progress};{steps if len(steps) <= _LONGEST_ID else '*'}{log}"

    @classmethod
    def decode(cls, text: str) -> Seen:
        """What a client says it saw last; nothing when that is not understood."""
        if text == _END:
            return cls(ended=True)
        status, _, rest = text.partition(";")
        progress, mark, steps = rest.partition(";")
        steps, _, log = steps.partition(";")
        number = int(log) if log.isascii() and log.isdecimal() and len(log) < _LONGEST_NUMBER else 0
        return cls(status, progress, _unrun(steps), logged=number) if mark else _NOTHING


#: One and the same for all who begin: what a look tells them is then put together once.
_NOTHING = Seen()


class Events:
    """One client's stream. It ends with the execution, or after `ends_after_s`, to be taken up again."""

    def __init__(
        self,
        *,
        look: Callable[[], View],
        watch: Callable[[Callable[[], None]], Callable[[], None]],
        follow: Callable[[], AbstractAsyncContextManager[Followed]],
        view: Callable[[Promise, Mapping[str, str]], View],
        seen: Seen,
        heartbeat_s: float,
        ends_after_s: float | None,
    ) -> None:
        self._look = look
        self._watch = watch
        self._follow = follow
        self._view = view
        self._seen = seen
        self._heartbeat_s = heartbeat_s
        self._ends_after_s = ends_after_s
        self._over = False
        self._pause_s = _FIRST_LOOK_S

    def shorten(self) -> None:
        """Tell what there is, and end: where too many listen already."""
        self._ends_after_s = 0

    def chunks(self) -> Iterator[bytes]:
        changed = threading.Event()
        unwatch = self._watch(changed.set)
        self._begin()
        try:
            while True:
                yield self._turn()
                pause_s = self._rest()
                if pause_s is None:
                    return
                if changed.wait(pause_s):
                    time.sleep(_GATHER_S)
                changed.clear()
        finally:
            unwatch()

    async def achunks(self) -> AsyncIterator[bytes]:
        self._begin()
        async with self._follow() as followed:
            number = followed.refresh()
            while True:
                sight, chunk = await self._aturn(followed, number)
                if chunk:
                    yield chunk
                if self._left_s() == 0:
                    return
                number = number if sight is None else sight.number

    async def _aturn(self, followed: Followed, number: int) -> tuple[Sight | None, bytes]:
        """What is new at the next look; a comment when there is none for a while."""
        try:
            sight = await followed.after(number, None if self._first else self._quiet_s())
            self._seen, text, self._over = await self._shared(sight)
        except TimeoutError:
            return None, self._written("")
        except (StoreUnavailable, StoreFull, PromiseNotFound) as error:
            return None, self._broken(error)
        return sight, self._written(text)

    async def _shared(self, sight: Sight) -> tuple[Seen, str, bool]:
        """What a look tells those who have seen as much: put together once, in a thread. Also whether that is all."""
        assert sight.promise is not None
        view, before = self._view(sight.promise, sight.journal), self._seen
        if (id(before), view.base) not in sight.made:
            telling = asyncio.ensure_future(asyncio.to_thread(_told, before, view))
            sight.made[id(before), view.base] = (before, telling)  # who saw it is kept, so that its id is its own
        _, telling = sight.made[id(before), view.base]
        return *(await asyncio.shield(telling)), sight.promise.state.settled

    def _begin(self) -> None:
        self._began = self._wrote = time.monotonic()
        self._first = True

    def _turn(self) -> bytes:
        """What is new since the last look, as it is sent; a comment now and then when nothing is."""
        try:
            view = self._look()
        except (StoreUnavailable, StoreFull, PromiseNotFound) as error:
            return self._broken(error)
        self._seen, text = _told(self._seen, view)
        if text:
            self._pause_s = _FIRST_LOOK_S
        self._over = view.promise.state.settled
        return self._written(text)

    def _broken(self, error: Exception) -> bytes:
        """The end before the end: its client comes back, and is answered what is the matter."""
        logger.debug("a stream of events ends early: %s", error)
        self._over = True
        return self._written("") or b": later\n\n"

    def _written(self, text: str) -> bytes:
        """These events as they are sent, after what a stream begins with; a comment when it was quiet for long."""
        if self._first:
            text = f"retry: {RETRY_MS}\n\n{text}"
            self._first = False
        now = time.monotonic()
        if not text and now - self._wrote >= self._heartbeat_s:
            text = ": still there\n\n"
        if text:
            self._wrote = now
        return text.encode()

    def _rest(self) -> float | None:
        """How long until the next look; None when the stream is over."""
        self._pause_s = min(self._pause_s * 2, _LONGEST_LOOK_S)
        return None if self._left_s() == 0 else min(self._pause_s, self._quiet_s())

    def _left_s(self) -> float:
        """For how long it goes on."""
        if self._over:
            return 0
        return math.inf if self._ends_after_s is None else max(self._began + self._ends_after_s - time.monotonic(), 0)

    def _quiet_s(self) -> float:
        """For how long nothing has to be said."""
        return min(max(self._wrote + self._heartbeat_s - time.monotonic(), 0.01), self._left_s())


def _told(seen: Seen, view: View) -> tuple[Seen, str]:
    """What is new, as text, and what was seen then."""
    text = ""
    for name, shown, after in news(seen, view):
        seen = after
        text += f"id: {seen.encode()}\nevent: {name}\ndata: {dumps(shown).decode()}\n\n"
    return seen, text


def news(seen: Seen, view: View) -> Iterator[tuple[str, dict[str, Any], Seen]]:
    """The events that lead from what was seen to how it stands: name, data, and what was seen after each."""
    p = view.promise
    status = f"{p.status}/{p.attempt}"
    if seen.status != status:
        seen = replace(seen, status=status, ended=False)
        body = view.body()
        yield "state", {name: body[name] for name in body if name not in ("result", "error", "progress", "links")}, seen
    for each in steps_of(p, view.journal, view.codec):
        if seen.steps.get(each.position) != _mark(each):
            seen = replace(seen, steps={**seen.steps, each.position: _mark(each)})
            yield "step", step(each), seen
    for number, line in view.log() if p.logged > seen.logged else ():
        if number > seen.logged:
            seen = replace(seen, logged=number)
            yield "log", line, seen
    progress = format(zlib.crc32(p.progress.encode()), "x")
    if seen.progress != progress:
        seen = replace(seen, progress=progress)
        yield "progress", view.codec.decode(p.progress) or {}, seen
    if p.state.settled:
        yield "end", view.body(), replace(seen, ended=True)


def _mark(each: Step) -> str:
    return "d" if each.state.settled else f"p{each.tries}"


def _runs(steps: Mapping[str, str]) -> Iterator[str]:
    """Steps that are done as runs, "1-17", others with their tries, "18p1"."""
    run: list[tuple[str, int]] = []
    for path in sorted(steps, key=lambda path: [int(part) for part in path.split(".")]):
        scope, _, last = path.rpartition(".")
        done = steps[path] == "d"
        if run and (not done or (scope, int(last) - 1) != run[-1]):
            yield _run(run)
            run = []
        if done:
            run.append((scope, int(last)))
        else:
            yield path + steps[path]
    if run:
        yield _run(run)


def _run(run: list[tuple[str, int]]) -> str:
    scope, first = run[0]
    begun = f"{scope}.{first}" if scope else str(first)
    return begun if len(run) == 1 else f"{begun}-{run[-1][1]}"


def _unrun(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for token in text.split(","):
        match = _token.match(token)
        if match:
            scope, first, last, tries = match.groups()
            for number in range(int(first), min(int(last or first), int(first) + _MOST_STEPS) + 1):
                found[f"{scope}{number}"] = f"p{tries}" if tries else "d"
        if len(found) > _MOST_STEPS:
            return {}
    return found
