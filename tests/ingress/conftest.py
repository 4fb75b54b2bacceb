"""An application of the shop's services, in memory and on a real Redis, and a client that asks it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import httpx
import pytest

from durable_celery import Durable, app
from durable_celery.dev.child import wait_until
from tests.ingress.shop import SERVICES, bodies, outbox
from tests.rest import closed_at_rest

MAX_BODY = 2000


class Web:
    """Asks an ASGI application from an event loop on a thread of its own."""

    def __init__(self, asgi: Any, base: str = "http://shop.test") -> None:
        self.app = asgi
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(asgi), base_url=base, timeout=60)

    def begin(self, method: str, path: str, **said: Any) -> Future[httpx.Response]:
        return asyncio.run_coroutine_threadsafe(self._client.request(method, path, **said), self.loop)

    def ask(self, method: str, path: str, **said: Any) -> httpx.Response:
        return self.begin(method, path, **said).result(60)

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", path, headers=named, **({} if body is None else {"json": body}))

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.ask("GET", path, headers=headers)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._closed(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    async def _closed(self) -> None:
        """End what a failed test left waiting."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._client.aclose()


@pytest.fixture(autouse=True)
def _nothing_said_yet() -> None:
    bodies.clear()
    while not outbox.empty():
        outbox.get()


@pytest.fixture(params=["local", "redis"])
def durable(request: pytest.FixtureRequest) -> Iterator[Durable]:
    made = Durable.local() if request.param == "local" else Durable(store=request.getfixturevalue("redis_url"))
    with closed_at_rest(made):
        yield made


@pytest.fixture
def serve() -> Iterator[Callable[[Any], Web]]:
    """Ask any application; the clients are closed after the test."""
    webs: list[Web] = []

    def served(asgi: Any) -> Web:
        webs.append(Web(asgi))
        return webs[-1]

    yield served
    for web in webs:
        web.close()


@pytest.fixture
def web(durable: Durable, serve: Callable[[Any], Web]) -> Web:
    return serve(app(SERVICES, durable, max_body=MAX_BODY))


def problem(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """The document of a problem, which has the form that all have."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said: dict[str, Any] = answer.json()
    assert said["status"] == status
    assert said["type"] == kind, said
    assert said["title"]
    assert isinstance(said["detail"], str)
    return said


def until_status(web: Web, id: str, status: str) -> None:
    def stands() -> bool:
        return bool(web.app.durable.get(id).status == status)

    assert wait_until(stands, 20, pause=0.01), web.app.durable.get(id).promise()
