"""A TCP proxy that misbehaves as it is told: one thread with an event loop of its own, any number of connections."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import threading
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Any, Self


class Trouble(StrEnum):
    """What is done to bytes under way, and to connections."""

    NONE = "none"
    #: Nothing arrives on either side until it is over; then it all does, or the connection is reset.
    BLACKHOLE = "blackhole"
    #: Each connection is reset, at once, and so is every new one.
    RESET = "reset"
    #: Every piece takes between 0 and 500 ms.
    DELAY = "delay"
    #: Requests arrive, their replies do not; then the connection is reset.
    DROP_REPLIES = "drop_replies"
    #: A reply ends in the middle, with a reset.
    CUT = "cut"
    #: The server closed its side and the client is not told before it is over. New connections work.
    HALF_OPEN = "half_open"
    #: The client's side is reset, the server is not told before it is over. New connections work.
    HALF_OPEN_BEHIND = "half_open_behind"
    #: A few bytes at a time.
    TRICKLE = "trickle"


#: Done to the connections that are there when it begins, once.
_SPLITTING = (Trouble.HALF_OPEN, Trouble.HALF_OPEN_BEHIND)
_LONGEST_DELAY_S = 0.5
_TRICKLE_BYTES, _TRICKLE_S = 48, 0.004
_PIECE = 65536


@dataclass(eq=False)
class _Link:
    """One connection of a client, and the one to the server that belongs to it."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    #: Its bytes go nowhere.
    dead: bool = False
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def reset(self) -> None:
        for side in (self.client, self.server):
            _reset(side)


class Proxy:
    """Listens on `port`, and passes on to a port of this machine. `trouble` may be set at any time, by any thread."""

    def __init__(self, target: int, seed: int = 0, *, resets: bool = True) -> None:
        """Without `resets` the two ends of a half-open connection never hear of it."""
        self._target = target
        self._resets = resets
        self._chance = random.Random(seed)
        self._links: set[_Link] = set()
        self._trouble = Trouble.NONE
        self._calm: asyncio.Event
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        #: Connections made, and pieces that were disturbed, by trouble.
        self.connections = 0
        self.disturbed: dict[Trouble, int] = {}
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._ask(self._open())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ask(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def set(self, trouble: Trouble) -> None:
        """From now on this is the trouble; whatever the last one held back is let go, or reset."""
        self._ask(self._set(trouble))

    def _ask(self, job: Any) -> None:
        asyncio.run_coroutine_threadsafe(job, self._loop).result(10)

    async def _open(self) -> None:
        self._calm = asyncio.Event()
        self._calm.set()
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        for link in list(self._links):
            link.reset()
            for task in link.tasks:
                task.cancel()
        await asyncio.gather(*(task for link in self._links for task in link.tasks), return_exceptions=True)

    async def _set(self, trouble: Trouble) -> None:
        self._trouble = trouble
        self._calm.set()
        if trouble is not Trouble.NONE:
            self._calm = asyncio.Event()
        for link in list(self._links):
            if link.dead and self._resets:  # as the kernel of a host that came back answers what it does not know
                link.reset()
            elif trouble is Trouble.RESET:
                self._count(trouble)
                link.reset()
            elif trouble in _SPLITTING and not link.dead:
                self._count(trouble)
                link.dead = True
                _reset(link.server if trouble is Trouble.HALF_OPEN else link.client)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self._trouble is Trouble.RESET:
            self._count(Trouble.RESET)
            _reset(writer)
            return
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            _reset(writer)
            return
        link = _Link(writer, to_server)
        self._links.add(link)
        requests = asyncio.create_task(self._pump(link, reader, to_server, replies=False))
        answers = asyncio.create_task(self._pump(link, from_server, writer, replies=True))
        link.tasks = [requests, answers]
        await asyncio.wait(link.tasks)
        self._links.discard(link)
        link.reset()

    async def _pump(
        self, link: _Link, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, replies: bool
    ) -> None:
        try:
            while (data := await source.read(_PIECE)) or link.dead:
                if link.dead and not data:
                    return
                if not link.dead and not await self._carried(link, sink, data, replies=replies):
                    link.reset()
                    return
            sink.close()
        except (OSError, asyncio.CancelledError):
            if not link.dead:
                link.reset()

    async def _carried(self, link: _Link, sink: asyncio.StreamWriter, data: bytes, *, replies: bool) -> bool:
        """Pass a piece on as the trouble of this moment has it; False when the connection is to be reset."""
        trouble, calm = self._trouble, self._calm
        if trouble is Trouble.DELAY:
            await asyncio.sleep(self._chance.uniform(0, _LONGEST_DELAY_S))
        elif trouble is Trouble.BLACKHOLE:
            await calm.wait()
            if self._chance.random() < 0.5:
                self._count(trouble)
                return False
        elif trouble is Trouble.DROP_REPLIES and replies:
            self._count(trouble)
            await calm.wait()
            return False
        elif trouble is Trouble.CUT and replies:
            self._count(trouble)
            sink.write(data[: self._chance.randrange(len(data))])
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(sink.drain(), 1)
            return False
        elif trouble is Trouble.TRICKLE:
            for start in range(0, len(data) - _TRICKLE_BYTES, _TRICKLE_BYTES):
                sink.write(data[start : start + _TRICKLE_BYTES])
                await sink.drain()
                await asyncio.sleep(0 if calm.is_set() else _TRICKLE_S)
            data = data[len(range(0, len(data) - _TRICKLE_BYTES, _TRICKLE_BYTES)) * _TRICKLE_BYTES :]
        if trouble in (Trouble.DELAY, Trouble.BLACKHOLE, Trouble.TRICKLE):
            self._count(trouble)
        sink.write(data)
        await sink.drain()
        return True

    def _count(self, trouble: Trouble) -> None:
        self.disturbed[trouble] = self.disturbed.get(trouble, 0) + 1


def _reset(side: asyncio.StreamWriter) -> None:
    """Close with a RST instead of a FIN."""
    sock = side.transport.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    side.transport.abort()
