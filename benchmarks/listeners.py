"""What a thousand who listen and a thousand who wait cost one server process: threads, memory, commands, delays.

    python benchmarks/listeners.py

A FastAPI application on one uvicorn process, a Redis of its own, and the clients
and the functions in this process, on real sockets. Calls are counted by Redis,
those of this process too: its sweep makes one a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import statistics
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from durable_celery import Context, Durable
from durable_celery.dev import EmbeddedRedis, free_port
from durable_celery.dev.child import Child

LISTENERS = 1000
#: Steps that all listeners are told of.
TOLD = 5
#: Seconds until what was begun has settled down, and for which nothing happens then.
REST_S, IDLE_S = 2.5, 5.0
PREFIX, NAME = "/durable", "server"
#: How many connections are opened at a time: a listening socket has a queue of its own.
AT_ONCE = 100


def ticks(ctx: Context, times: int) -> int:
    """Waits for somebody, then makes a step, again and again."""
    for _ in range(times):
        ctx.promise().get()
        ctx.run(now_ms).get()
    return times


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def serve(url: str, port: int) -> None:
    """The server: a process that knows no function, only the name of one."""
    import uvicorn  # noqa: PLC0415
    from fastapi import FastAPI  # noqa: PLC0415

    from durable_celery.web.fastapi import router  # noqa: PLC0415

    app = FastAPI()
    app.include_router(
        router(Durable(store=f"{url}?client_name={NAME}"), expose=["ticks"], max_wait=120.0), prefix=PREFIX
    )
    uvicorn.run(app, port=port, log_level="warning", backlog=LISTENERS)


@dataclass
class Server:
    """The process that is measured."""

    pid: int
    port: int
    client: redis.Redis

    def said(self, name: str) -> int:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))

    @property
    def cpu_s(self) -> float:
        parts = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def sockets(self) -> int:
        return sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir())

    @property
    def connections(self) -> int:
        """Those to Redis, which the server gives its name."""
        return sum(each["name"] == NAME for each in self.client.client_list())

    def commands(self) -> int:
        stats: Any = self.client.info("commandstats")
        counted = ("cmdstat_evalsha", "cmdstat_eval", "cmdstat_hgetall")
        return sum(stats[name]["calls"] for name in counted[:2] if name in stats)

    def row(self, name: str, *, idle: tuple[float, float] | None = None, delays: list[float] | None = None) -> None:
        shown = f"{name:34}{self.said('Threads'):8}{self.said('VmRSS') / 1024:8.0f}{self.connections:8}"
        shown += f"{idle[0]:9.1f}{idle[1]:7.0%}" if idle else f"{'':16}"
        if delays:
            delays.sort()
            shown += f"{statistics.median(delays):9.0f}{delays[int(len(delays) * 0.99)]:7.0f}{delays[-1]:7.0f}"
        print(shown, flush=True)


async def idle(server: Server) -> tuple[float, float]:
    """Scripts a second and the part of a CPU that the server takes while nothing happens."""
    await asyncio.sleep(REST_S)
    commands, cpu_s, began = server.commands(), server.cpu_s, time.monotonic()
    await asyncio.sleep(IDLE_S)
    seconds = time.monotonic() - began
    return (server.commands() - commands) / seconds, (server.cpu_s - cpu_s) / seconds


@dataclass
class Listeners:
    """Connections that read events, as they come, and note how late each was."""

    port: int
    delays: list[float] = field(default_factory=list)
    states: int = 0
    steps: int = 0
    ended: int = 0
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def begin(self, ids: list[str]) -> None:
        for at in range(0, len(ids), AT_ONCE):
            self.tasks += [asyncio.create_task(self._listen(each)) for each in ids[at : at + AT_ONCE]]
            await until(lambda: self.states >= len(self.tasks), "all to listen")

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _listen(self, promise_id: str) -> None:
        async with asked(self.port, f"{PREFIX}/executions/{promise_id}/events") as reader:
            name, told = "", False
            while line := await reader.readline():
                if line.startswith(b"event: "):
                    name = line[7:].strip().decode()
                elif line.startswith(b"data: "):
                    self._note(name, json.loads(line[6:]), first=not told)
                    told = True

    def _note(self, name: str, data: dict[str, Any], *, first: bool) -> None:
        self.states += first
        self.ended += name == "end"
        if name == "step" and data["kind"] == "run" and data["state"] == "resolved":
            self.steps += 1
            self.delays.append(now_ms() - data["ended_at"])


@contextlib.asynccontextmanager
async def asked(port: int, path: str, *headers: str) -> AsyncIterator[asyncio.StreamReader]:
    """A GET on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        lines = [f"GET {path} HTTP/1.1", "Host: x", "Connection: close", *headers, "", ""]
        writer.write("\r\n".join(lines).encode())
        yield reader
    finally:
        writer.close()


async def until(true: Any, what: str, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited in vain for {what}"
        await asyncio.sleep(0.02)


async def told_of_steps(durable: Durable, server: Server, ids: list[str], name: str) -> None:
    """All listen, to these executions in turn; then their steps are made."""
    listeners = Listeners(server.port)
    await listeners.begin([ids[n % len(ids)] for n in range(LISTENERS)])
    server.row(f"{name}: nothing happens", idle=await idle(server))
    for turn in range(TOLD):
        for each in ids:
            await asyncio.to_thread(durable.promises.resolve, f"{each}.{2 * turn + 1}", None)
        await until(lambda turn=turn: listeners.steps >= LISTENERS * (turn + 1), f"step {turn} to be told")
    server.row(f"{name}: steps are told", delays=listeners.delays)
    await listeners.end()


async def waited_for(durable: Durable, server: Server, ids: list[str], name: str) -> None:
    """All wait for results; then there are some."""
    answered: list[tuple[str, int]] = []

    async def wait(promise_id: str) -> None:
        async with asked(server.port, f"{PREFIX}/executions/{promise_id}/result", "Prefer: wait=100") as reader:
            said = await reader.read()
            assert b"200 OK" in said, said
            answered.append((promise_id, now_ms()))

    tasks = []
    for at in range(0, LISTENERS, AT_ONCE):
        tasks += [asyncio.create_task(wait(ids[n % len(ids)])) for n in range(at, min(at + AT_ONCE, LISTENERS))]
        await asyncio.sleep(0.2)
    server.row(f"{name}: nothing happens", idle=await idle(server))
    for each in ids:
        await asyncio.to_thread(durable.promises.resolve, f"{each}.1", None)
    await asyncio.gather(*tasks)
    ended = {each: durable.get(each).promise().settled_at or 0 for each in ids}
    server.row(f"{name}: answered", delays=[at - ended[each] for each, at in answered])


async def measured(durable: Durable, server: Server) -> None:
    print(f"{'':34}{'':8}{'':8}{'':8}{'while idle':>16}{'delay in ms':>23}")
    print(f"{'':34}{'threads':>8}{'MiB':>8}{'redis':>8}{'calls/s':>9}{'CPU':>7}{'median':>9}{'p99':>7}{'max':>7}")
    function = durable.register(ticks)

    async def started(count: int, steps: int) -> list[str]:
        ids = [f"t-{uuid.uuid4().hex[:12]}" for _ in range(count)]
        for each in ids:
            await asyncio.to_thread(function.run, each, steps)
        await until(lambda: all(durable.get(each).status == "suspended" for each in ids), "all to be suspended")
        return ids

    await told_of_steps(durable, server, await started(1, TOLD + 1), f"{LISTENERS} listen to 1")
    await told_of_steps(durable, server, await started(LISTENERS, TOLD + 1), f"{LISTENERS} listen to {LISTENERS}")
    await waited_for(durable, server, await started(1, 1), f"{LISTENERS} wait for 1")
    await waited_for(durable, server, await started(LISTENERS, 1), f"{LISTENERS} wait for {LISTENERS}")
    await asyncio.sleep(REST_S / 2)
    channels = server.client.execute_command("PUBSUB", "CHANNELS")
    server.row("all are gone", idle=await idle(server))
    print(f"open descriptors then: {server.sockets}; watched in Redis: {len(channels)} channels")


@contextlib.contextmanager
def running(url: str, durable: Durable) -> Iterator[Server]:
    port = free_port()
    client = redis.Redis.from_url(url, decode_responses=True)
    argv = [sys.executable, __file__, "serve", url, str(port)]
    child = Child(argv, log=Path(os.devnull))
    try:
        server = Server(child.pid, port, client)
        asyncio.run(until_served(port))
        yield server
    finally:
        child.kill()
        durable.close()


async def until_served(port: int) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError):
            async with asked(port, f"{PREFIX}/healthz") as reader:
                assert b"200" in await reader.read()
                return
        await asyncio.sleep(0.05)
    raise AssertionError("the server does not answer")


def main() -> None:
    """Print a row for each stage."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4 * LISTENERS), hard), hard))
    with EmbeddedRedis(appendfsync="no") as redis_server:
        durable = Durable(store=redis_server.url)
        with running(redis_server.url, durable) as server:
            server.row("before")
            asyncio.run(measured(durable, server))


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        main()
