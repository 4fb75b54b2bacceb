"""Killing workers over HTTP: only what the page of `make dev` asks, and only of what is at work here."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from durable_celery.dev.child import wait_until
from tests.acceptance.webapp.client import SCRIPT, problem
from webapp.killing import VARIABLE, Control
from webapp.monitor import EXTENSION

if TYPE_CHECKING:
    from flask.testing import FlaskClient

OWN = {"Origin": "http://localhost"}


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whose death was asked for, by a program that knows the worker one only."""
    asked: list[str] = []

    def kill(holder: str) -> str:
        asked.append(holder)
        if not holder.startswith("one@"):
            raise LookupError(holder)
        return "worker one"

    control = Control()
    control.serve(kill)
    for name, value in control.environment.items():
        monkeypatch.setenv(name, value)
    return asked


def test_there_is_nothing_to_kill_with_unless_somebody_starts_workers_again(web: FlaskClient) -> None:
    problem(web.post("/dev/kill", json={"id": "r1"}, headers=OWN), 404, "about:blank")
    assert "Kill the worker" not in web.get("/").text


def test_the_page_has_a_button_where_somebody_does(web: FlaskClient, killed: list[str]) -> None:
    assert "Kill the worker" in web.get("/").text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://evil.example", "Host": "evil.example"},
    ],
    ids=["nobody", "a sandbox", "another site", "another name for this one"],
)
def test_other_sites_cannot_kill(
    web: FlaskClient, killed: list[str], held: threading.Event, headers: dict[str, str]
) -> None:
    web.post("/render/r1", json=SCRIPT)
    problem(web.post("/dev/kill", json={"id": "r1"}, headers=headers), 403, "forbidden")
    problem(web.post("/dev/kill", data='{"id": "r1"}', headers=OWN), 415, "not-json")
    assert killed == []


def test_the_holder_is_killed_by_who_started_it_or_nobody_is(
    web: FlaskClient, killed: list[str], held: threading.Event
) -> None:
    web.post("/render/r1", json=SCRIPT)
    handle = web.application.extensions[EXTENSION].get("r1")
    assert wait_until(lambda: handle.status == "running", 10)

    problem(web.post("/dev/kill", json={"id": "r1"}, headers=OWN), 409, "nobody-at-work")

    assert killed == [handle.promise().holder], "it was asked for, and is none of the workers it knows"
    problem(web.post("/dev/kill", json={"id": "none"}, headers=OWN), 404, "unknown-execution")
    problem(web.post("/dev/kill", json={"id": 1}, headers=OWN), 422, "invalid-arguments")


def test_who_does_not_know_the_password_is_not_listened_to(
    web: FlaskClient, killed: list[str], held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = Control()
    control.serve(lambda holder: killed.append(holder) or "x")  # type: ignore[func-returns-value]
    (address,) = control.environment.values()
    monkeypatch.setenv(VARIABLE, address.partition(":")[0] + ":guessed")
    web.post("/render/r1", json=SCRIPT)
    problem(web.post("/dev/kill", json={"id": "r1"}, headers=OWN), 409, "nobody-at-work")
    assert killed == []
