"""Task id and promise id are one: what Celery's own tools show of an execution while it lives."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from durable_celery import Cancelled, TimedOut
from durable_celery.dev import Program, Supervisor, free_port, url_answers
from durable_celery.store import Ready
from durable_celery.worker.publisher import Publisher
from tests.acceptance.workers.fleet import ROOT, Fleet, FleetMaker
from tests.acceptance.workers.proj import ShopClosed
from tests.acceptance.workers.waiting import wait_until


@pytest.fixture(scope="module")
def fleet(make_fleet: FleetMaker) -> Fleet:
    made = make_fleet()
    made.start("one", "two", options=("-E",))
    return made


@pytest.fixture(scope="module")
def flower(fleet: Fleet) -> Iterator[str]:
    """The address of a Flower that has heard of both workers."""
    url, log = f"http://127.0.0.1:{(port := free_port())}", fleet.folder / "flower.log"
    argv = [sys.executable, "-m", "celery", "-A", "tests.acceptance.workers.worker_app", "flower"]
    argv += ["--address=127.0.0.1", f"--port={port}"]
    env = {**fleet.env(), "FLOWER_UNAUTHENTICATED_API": "true"}
    with Supervisor() as supervisor:
        ready = url_answers(f"{url}/api/workers")
        supervisor.start(Program(name="flower", argv=argv, env=env, cwd=ROOT, log=log, ready=ready))
        wait_until(lambda: len(asked(f"{url}/api/workers")) == 2, 20, "Flower to hear of both workers")
        yield url


def asked(url: str) -> Any:
    """The JSON at an address of Flower, empty where it knows nothing."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=5) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        assert error.code == 404
        return {}


def test_the_state_follows_the_execution_from_start_to_success(fleet: Fleet) -> None:
    handle = fleet.durable.run("states-1", "awaits_promise", "states-1")
    result = fleet.project.app.AsyncResult("states-1")

    fleet.shows("states-1", "SUSPENDED")
    assert handle.status == "suspended"
    fleet.durable.promises.resolve("states-1.1", {"answer": 42})
    fleet.caught("states-1", "states-1.2")
    assert result.state == "STARTED"
    assert handle.status == "running"
    fleet.open("states-1")

    assert result.get(timeout=20) == {"answer": 42} == handle.result(20)
    assert result.state == "SUCCESS"
    shell = [sys.executable, "-m", "celery", "-A", "tests.acceptance.workers.worker_app", "result", "states-1"]
    shown = subprocess.run(shell, env=fleet.env(), cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert shown.stdout.strip() == "{'answer': 42}"


def test_a_failure_is_celerys_failure_with_the_same_exception(fleet: Fleet) -> None:
    handle = fleet.durable.run("states-2", "fails", "we are closed")
    with pytest.raises(ShopClosed, match="we are closed"):
        handle.result(20)

    fleet.shows("states-2", "FAILURE")
    with pytest.raises(ShopClosed, match="we are closed"):
        fleet.project.app.AsyncResult("states-2").get(timeout=20)


@pytest.mark.parametrize("asleep", [True, False], ids=["suspended", "running"])
def test_a_cancelled_one_is_celerys_revoked(fleet: Fleet, asleep: bool) -> None:
    name = f"states-3-{asleep}"
    handle = fleet.durable.run(name, "naps", 600) if asleep else fleet.durable.run(name, "walk_plain", 0, name, 1)
    if asleep:
        fleet.suspended(handle)
    else:
        fleet.caught(name, f"{name}.1")

    handle.cancel()
    fleet.open(name)
    with pytest.raises(Cancelled):
        handle.result(5)

    fleet.shows(name, "REVOKED")


def test_celerys_revoke_of_a_queued_one_cancels_it(fleet: Fleet) -> None:
    fleet.project.app.control.revoke("states-4")
    wait_until(
        lambda: sum(worker.says("Tasks flagged as revoked: states-4") for worker in fleet.workers.values()) == 2,
        20,
        "both workers to know of it",
    )
    handle = fleet.durable.run("states-4", "echo", 1)

    with pytest.raises(Cancelled):
        handle.result(20)
    fleet.shows("states-4", "REVOKED")
    assert not fleet.ledger.lines("states-4")


def test_a_passed_deadline_is_celerys_failure(fleet: Fleet) -> None:
    handle = fleet.project.functions["naps"].options(timeout=0.5).run("states-5", 600)

    with pytest.raises(TimedOut):
        handle.result(20)
    fleet.shows("states-5", "FAILURE")
    with pytest.raises(TimedOut):
        fleet.project.app.AsyncResult("states-5").get(timeout=20)


def test_the_lease_is_ten_seconds_unless_told(fleet: Fleet) -> None:
    fleet.durable.run("states-6", "walk_plain", 0, "states-6", 0)
    fleet.caught("states-6", "states-6.1")
    seconds, micros = fleet.redis.time()
    left_ms = fleet.redis.zscore("dc:{0}:lease", "states-6") - (seconds * 1000 + micros / 1000)
    fleet.open("states-6")

    assert 5_000 < left_ms <= 10_000


def test_flower_shows_the_same_states(fleet: Fleet, flower: str) -> None:
    fleet.durable.run("states-7", "awaits_promise", "states-7")
    shows(flower, "states-7", "SUSPENDED")
    fleet.durable.promises.resolve("states-7.1", "go on")
    fleet.caught("states-7", "states-7.2")
    shows(flower, "states-7", "STARTED")
    fleet.open("states-7")
    shows(flower, "states-7", "SUCCESS")


def test_a_late_hint_does_not_change_what_flower_shows(fleet: Fleet, flower: str) -> None:
    """As when a queue was so long that the sweep said it twice."""
    handle = fleet.durable.run("states-8", "awaits_promise", "states-8")
    fleet.suspended(handle)
    hint = Ready("states-8", "awaits_promise", 1, "", "", "", attempts=1)

    Publisher(fleet.project.app).publish([hint])
    dropped(fleet, "states-8", 2)
    shows(flower, "states-8", "SUSPENDED")

    fleet.open("states-8")
    fleet.durable.promises.resolve("states-8.1")
    handle.result(20)
    wait_until(lambda: handle.promise().mirrored, 20, "the outcome to be told")
    shows(flower, "states-8", "SUCCESS")
    Publisher(fleet.project.app).publish([hint])
    dropped(fleet, "states-8", 3)
    shows(flower, "states-8", "SUCCESS")


def dropped(fleet: Fleet, id: str, times: int) -> None:
    """Wait until workers have left a message alone so many times: once for the suspension, then for hints."""
    wait_until(
        lambda: sum(worker.says(f"[{id}] ignored") for worker in fleet.workers.values()) == times,
        20,
        "the hint to be dropped",
    )


def shows(flower: str, id: str, state: str) -> None:
    wait_until(
        lambda: asked(f"{flower}/api/task/info/{id}").get("state") == state,
        20,
        f"Flower to show {id} as {state}",
        pause=0.05,
    )
