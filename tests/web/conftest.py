"""One shop in this process, served by each framework, and a client for each server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from durable_celery import Durable
from durable_celery.dev.child import wait_until
from durable_celery.settings import Settings
from tests.rest import closed_at_rest
from tests.web import shop
from tests.web.servers import KINDS, served

MAX_BODY = 2000
SECRET = "sesame"


def authorize(function: str, id: str, action: str, request: Any) -> bool:
    """Whoever is called mallory may do nothing, and eve may not cancel."""
    who = request.headers.get("X-Who", "")
    if who == "mallory":
        raise PermissionError("you are mallory")
    return not (who == "eve" and action == "cancel")


class Web:
    """Asks one server; ids are this test's own."""

    def __init__(self, url: str, kind: str, durable: Durable) -> None:
        self.url = url
        self.kind = kind
        self.durable = durable
        self.id = f"t-{uuid.uuid4().hex[:12]}"
        self.http = httpx.Client(base_url=url, timeout=30)

    def ask(self, method: str, path: str, **said: Any) -> httpx.Response:
        return self.http.request(method, "/durable" + path, **said)

    def put(self, function: str, *args: Any, id: str = "", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        path = f"/functions/{function}/executions/{id or self.id}"
        return self.ask("PUT", path, json={"args": list(args)}, headers=named)

    def until(self, status: str, id: str = "") -> None:
        handle = self.durable.get(id or self.id)
        assert wait_until(lambda: handle.status == status, 20, pause=0.01), handle.promise()


@pytest.fixture(scope="session")
def durable() -> Iterator[Durable]:
    with closed_at_rest(Durable.local()) as made:
        made.settings = Settings(log_lines=3)
        yield made
        for gate in shop.gates.values():
            gate.set()


@pytest.fixture(scope="session")
def functions(durable: Durable) -> dict[str, Any]:
    return shop.registered(durable)


def options(functions: dict[str, Any], **said: Any) -> dict[str, Any]:
    """As the shop is mounted."""
    exposed = [function for name, function in functions.items() if name != "secret"]
    usual = {"authorize": authorize, "max_body": MAX_BODY, "secret": SECRET, "max_waiters": 4, "max_wait": 5.0}
    return {"expose": exposed, **usual, **said}


@pytest.fixture(scope="session", params=KINDS)
def server(request: pytest.FixtureRequest, durable: Durable, functions: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each framework in turn: its address and its name."""
    with served(request.param, durable, functions, options(functions)) as url:
        yield url, request.param


@pytest.fixture
def web(server: tuple[str, str], durable: Durable) -> Iterator[Web]:
    made = Web(*server, durable)
    yield made
    made.http.close()


def problem(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """The document of a problem, which has the form that all have."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said: dict[str, Any] = answer.json()
    assert (said["status"], said["type"]) == (status, kind), said
    assert said["title"]
    assert isinstance(said["detail"], str)
    return said
