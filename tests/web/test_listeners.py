"""Many who listen and wait on one event loop: no thread is held, looks are shared, and nothing is left."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI

from durable_celery import Context, Durable, StoreUnavailable, following
from durable_celery.dev.child import wait_until
from durable_celery.web.fastapi import router
from tests.rest import closed_at_rest
from tests.web.servers import on_uvicorn

MANY = 100
#: For endpoints, as many as asyncio has by default on a large machine; for looks; and a few for the functions.
THREADS = 32 + following.LOOKERS + 4


def waits(ctx: Context, times: int) -> str:
    for _ in range(times):
        ctx.promise().get()
    return "done"


class Counted:
    """Counts the looks of a store."""

    def __init__(self, durable: Durable, monkeypatch: pytest.MonkeyPatch) -> None:
        self.looks: Counter[str] = Counter()
        store = durable.store
        for name in ("get", "read"):
            monkeypatch.setattr(store, name, self._counting(name, getattr(store, name)))

    def _counting(self, name: str, look: Callable[[str], Any]) -> Callable[[str], Any]:
        def counted(promise_id: str) -> Any:
            self.looks[promise_id] += 1
            return look(promise_id)

        return counted


@pytest.fixture
def durable() -> Iterator[Durable]:
    with closed_at_rest(Durable.local()) as made:
        yield made


@asynccontextmanager
async def asked(url: str, path: str, *headers: str) -> Any:
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [f"GET /durable{path} HTTP/1.1", "Host: x", "Connection: close", *headers, "", ""]
    writer.write("\r\n".join(lines).encode())
    try:
        yield reader
    finally:
        writer.close()


async def told_of(reader: asyncio.StreamReader, name: bytes) -> None:
    async with asyncio.timeout(30):
        while (line := await reader.readline()) != b"event: " + name + b"\n":
            assert line, "it ended"


def suspended(durable: Durable, id: str, times: int) -> None:
    function = durable.register(waits)
    assert wait_until(lambda: function.run(id, times).status == "suspended", 20, pause=0.01)


def served(durable: Durable, **options: Any) -> Any:
    app = FastAPI()
    app.include_router(router(durable, expose=["waits"], **options), prefix="/durable")
    return on_uvicorn(app)


def at_rest() -> bool:
    return not following._followings


def test_all_who_listen_to_one_share_its_looks(durable: Durable, monkeypatch: pytest.MonkeyPatch) -> None:
    suspended(durable, "one", 2)
    counted, threads = Counted(durable, monkeypatch), threading.active_count()

    async def listen(url: str) -> None:
        async with AsyncExitStack() as stack:
            paths = ["/executions/one/events"] * MANY
            readers = [await stack.enter_async_context(asked(url, path)) for path in paths]
            await asyncio.gather(*(told_of(reader, b"step") for reader in readers))
            counted.looks.clear()
            durable.promises.resolve("one.1", None)
            await asyncio.gather(*(told_of(reader, b"step") for reader in readers))
            assert 1 <= counted.looks["one"] <= MANY / 5, "not one for each"
            assert threading.active_count() - threads <= THREADS
            durable.promises.resolve("one.2", None)
            await asyncio.gather(*(told_of(reader, b"end") for reader in readers))

    with served(durable) as url:
        asyncio.run(listen(url))
        assert wait_until(at_rest, 20)


def test_all_who_wait_hold_no_thread_and_leave_nothing(durable: Durable, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [f"many-{n}" for n in range(MANY)]
    for each in ids:
        suspended(durable, each, 1)
    counted, threads = Counted(durable, monkeypatch), threading.active_count()

    async def wait(url: str) -> None:
        async with AsyncExitStack() as stack:
            asking = [asked(url, f"/executions/{each}/result", "Prefer: wait=30") for each in ids]
            readers = [await stack.enter_async_context(each) for each in asking]
            # That of the request, the first one, and that after the watch has begun.
            assert await asyncio.to_thread(wait_until, lambda: all(counted.looks[each] >= 3 for each in ids), 20)
            assert threading.active_count() - threads <= THREADS
            for each in ids:
                durable.promises.resolve(f"{each}.1", None)
            said = await asyncio.gather(*(reader.read() for reader in readers))
            assert all(each.startswith(b"HTTP/1.1 200") for each in said)
            assert max(counted.looks[each] for each in ids) < 20

    with served(durable, max_wait=60.0) as url:
        asyncio.run(wait(url))
        assert wait_until(at_rest, 20)


def test_who_goes_away_is_not_looked_for_any_more(durable: Durable) -> None:
    suspended(durable, "left", 1)

    async def leave(url: str) -> None:
        async with asked(url, "/executions/left/events") as reader, asked(url, "/executions/left/events") as other:
            await told_of(reader, b"state")
            await told_of(other, b"state")
            assert not at_rest()

    with served(durable) as url:
        asyncio.run(leave(url))
        assert wait_until(at_rest, 20)
        assert durable.store._watchers._closely == {}


def test_when_the_store_is_away_all_are_told_with_the_first_look_that_fails(
    durable: Durable, monkeypatch: pytest.MonkeyPatch
) -> None:
    handles = [durable.promises.create(f"p-{n}") for n in range(MANY)]
    tried, gate = [], threading.Event()

    def away(promise_id: str) -> Any:
        tried.append(promise_id)
        gate.wait(20)
        raise StoreUnavailable("away")

    monkeypatch.setattr(durable.store, "get", away)

    async def all_wait() -> list[Any]:
        waiting = [asyncio.ensure_future(durable._handle(each.id).wait()) for each in handles]
        assert await asyncio.to_thread(wait_until, lambda: len(tried) == following.LOOKERS, 20)
        gate.set()
        return await asyncio.gather(*waiting, return_exceptions=True)

    found = asyncio.run(all_wait())
    assert {type(each) for each in found} == {StoreUnavailable}
    assert len(tried) == following.LOOKERS
    assert at_rest()
