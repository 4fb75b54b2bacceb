"""FastAPI: a Durable that lives as long as its application, and routes that await handles."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from celery import Celery
from fastapi import FastAPI, Request

from durable_celery import Context, Durable, StoreMisconfigured
from durable_celery.dev.child import wait_until
from durable_celery.web.fastapi import DurableDep, lifespan, router
from tests.web.servers import on_uvicorn


def hello(ctx: Context, name: str) -> Any:
    return ctx.run(lambda: f"hello {name}").get()


def ours() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith(("durable-local", "durable-watch"))]


def test_it_begins_before_the_applications_own_and_ends_after_it(redis_url: str) -> None:
    durable, told = Durable(store=redis_url), []
    function = durable.register(hello)

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        told.append(await function.run("at-start", "you"))
        yield {"name": "ann"}
        told.append(await function.run("at-end", "again"))

    app = FastAPI(lifespan=lifespan(durable, own))
    app.include_router(router(durable, expose=[function]), prefix="/durable")

    @app.get("/hello")
    async def say(request: Request, given: DurableDep) -> Any:
        assert given is durable
        return await given.run("asked", "hello", request.state.name)

    others = ours()
    with on_uvicorn(app, lifespan="on") as url:
        assert httpx.get(f"{url}/hello").json() == "hello ann"
        assert httpx.get(f"{url}/durable/readyz").status_code == 200
    assert told == ["hello you", "hello again"]
    assert wait_until(lambda: len(ours()) <= len(others), 20), ours()
    function.run("later", "you").result(10)  # it may be used again
    durable.close()


def test_what_is_unfinished_goes_on_when_the_application_begins(redis_url: str) -> None:
    gone = Durable(store=redis_url)
    registered = gone.register(hello)
    gone._publish = lambda ready: None  # a process that died before it did anything
    started = gone.start("unfinished", registered.registered, ("you",), {}, registered.own)
    durable = Durable(store=redis_url)
    durable.register(hello)

    with on_uvicorn(FastAPI(lifespan=lifespan(durable)), lifespan="on"):
        assert started.result(timeout=20) == "hello you"
    gone.close()


def test_a_store_that_could_lose_promises_is_refused(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    durable = Durable(store=redis_url)

    def refuse() -> None:
        raise StoreMisconfigured("it evicts")

    monkeypatch.setattr("durable_celery.stores.RedisStore.check", lambda _: refuse())
    with pytest.raises(StoreMisconfigured, match="it evicts"):
        _begin(lifespan(durable))


def test_a_store_that_is_away_is_waited_for_by_readiness(caplog: pytest.LogCaptureFixture) -> None:
    durable = Durable(Celery(broker="memory://"), store="redis://127.0.0.1:1")
    durable.app.conf.durable_store_timeout = 0.2
    app = FastAPI(lifespan=lifespan(durable))
    app.include_router(router(durable, expose=[]), prefix="/durable")
    with on_uvicorn(app, lifespan="on") as url:
        answer = httpx.get(f"{url}/durable/readyz", timeout=20)
        assert (answer.status_code, answer.json()["type"]) == (503, "store-unavailable")
        assert httpx.get(f"{url}/durable/healthz").status_code == 200
    assert "does not answer yet" in caplog.text


def test_the_dependency_says_what_it_needs() -> None:
    app = FastAPI()

    @app.get("/")
    async def ask(given: DurableDep) -> None: ...

    async def asking() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            await client.get("/")

    with pytest.raises(TypeError, match=r"lifespan=lifespan\(durable\)"):
        asyncio.run(asking())


def _begin(made: Any) -> None:
    async def begun() -> None:
        async with made(FastAPI()):
            pass

    asyncio.run(begun())
