"""The clients over HTTP: against a real server in a process of its own, and against the application itself."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from durable_celery.client import AsyncClient, Client
from durable_celery.dev.server import EmbeddedRedis
from durable_celery.ingress import app
from tests.client.conftest import opened
from tests.client.server import Server
from tests.client.shop import Counter, Order, Shop, Signup, double
from tests.client.stories import *  # noqa: F403
from tests.client.waiting import Loop, Waiting

SERVICES = [Shop, Counter, Signup]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with EmbeddedRedis(appendfsync="no") as redis:
        made = Server(redis.url)
        try:
            made.start()
            yield made
        finally:
            made.kill()


@pytest.fixture(params=["sync", "async", "mounted-local", "mounted-redis"])
def client(request: pytest.FixtureRequest) -> Iterator[object]:
    """A client of each kind, that waits."""
    kind, _, store = request.param.partition("-")
    if kind == "sync":
        with Client(request.getfixturevalue("server").url) as made:
            yield made
    elif kind == "async":
        yield from waiting(request, AsyncClient(request.getfixturevalue("server").url))
    else:
        with opened(store, request) as durable:
            http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app(SERVICES, durable)))
            yield from waiting(request, AsyncClient("http://shop/", http=http))


def waiting(request: pytest.FixtureRequest, client: AsyncClient) -> Iterator[object]:
    loop = request.getfixturevalue("loop")
    yield Waiting(loop, client)
    loop.wait(client.close())


@pytest.mark.parametrize("key", [".", "..", "a/b", "%2F", "a b?c#d", "ä+&=~@:;"])
def test_a_key_may_be_any_text(server: Server, key: str) -> None:
    with Client(server.url) as client:
        before = client.object(Counter, key).value()

        assert client.object(Counter, key).add(1) == before + 1
        assert client.object(Counter, key).value() == before + 1


def test_an_idempotency_key_may_be_any_text(server: Server) -> None:
    with Client(server.url) as client:
        first = client.send(double, Order("tea", 1), idempotency_key="für „Ann“")

        assert client.send(double, Order("tea", 1), idempotency_key="für „Ann“").id == first.id


def test_a_long_wait_is_made_of_short_ones(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a server that died without a word is noticed, and gateways have nothing to cut off."""
    monkeypatch.setattr("durable_celery.client.flows._LONGEST_WAIT_S", 0)
    asked: list[str] = []
    http = httpx.Client(event_hooks={"request": [lambda request: asked.append(request.url.path)]})
    with http, Client(server.url, http=http) as client:
        assert client.service(Shop)["by-and-by"](["a"]) == "a"

    assert asked[0] == "/Shop/by-and-by"
    assert all(path.endswith("/attach") for path in asked[1:])
    assert len(asked) > 1


def test_a_server_that_is_killed_meanwhile_costs_nothing_but_time(loop: Loop) -> None:
    """With an idempotency key the call is sent again, and attaches to the one that was accepted."""
    with EmbeddedRedis(appendfsync="no") as redis:
        server = Server(redis.url)
        try:
            server.start()
            client = AsyncClient(server.url)
            waiting = loop.begin(client.service(Shop).patient.call(idempotency_key="once"))
            with Client(server.url) as other:
                while (awakeable := other.object(Counter, "ids").taken()) is None:
                    pass
                server.kill()
                server.start()
                other.resolve_awakeable(awakeable, "paid")
                assert waiting.result(60) == "paid"
                assert other.service(Shop).patient.send(idempotency_key="once").created is False
            loop.wait(client.close())
        finally:
            server.kill()
