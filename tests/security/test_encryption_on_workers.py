"""With keys set, real workers show payloads to nobody: not Redis, the broker, the result backend, monitors, logs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from celery import chain
from cryptography.fernet import Fernet

from durable_celery import ExecutionFailed, Parked
from tests.acceptance.workers.fleet import Fleet, FleetMaker
from tests.acceptance.workers.proj import ShopClosed
from tests.acceptance.workers.waiting import wait_until
from tests.security.test_encryption import WORD, everything

KEY, OTHER = (Fernet.generate_key().decode() for _ in range(2))
WAIT_S = 30.0


@pytest.fixture(scope="module")
def fleet(make_fleet: FleetMaker) -> Fleet:
    made = make_fleet(durable_encryption_keys=[KEY], worker_send_task_events=True, task_send_sent_event=True)
    made.start("one", concurrency=1, options=("-E",))
    return made


@pytest.fixture(scope="module")
def events(fleet: Fleet) -> Iterator[list[dict[str, Any]]]:
    """What a monitor is told."""
    seen: list[dict[str, Any]] = []
    stopped = threading.Event()

    def hear() -> None:
        with fleet.project.app.connection() as connection:
            receiver = fleet.project.app.events.Receiver(connection, handlers={"*": seen.append})
            for _ in receiver.consume(limit=None, timeout=None, wakeup=True):
                if stopped.is_set():
                    return

    listening = threading.Thread(target=hear, daemon=True)
    listening.start()
    wait_until(lambda: seen, WAIT_S, "the first heartbeat")
    yield seen
    stopped.set()  # noticed at the next heartbeat
    listening.join(10)


def test_payloads_are_shown_nowhere(fleet: Fleet, events: list[dict[str, Any]]) -> None:
    taken: list[str] = []
    listener = redis.Redis.from_url(fleet.broker, decode_responses=True)
    with listener.monitor() as monitor:
        commands = threading.Thread(target=lambda: taken.extend(_until(monitor, "enough")), daemon=True)
        commands.start()
        assert fleet.durable.run("shown-1", "echo", {"word": WORD}).result(WAIT_S) == {"word": WORD}
        with pytest.raises(ShopClosed, match=WORD):
            fleet.durable.run("shown-2", "fails", WORD).result(WAIT_S)
        fleet.shows("shown-1", "SUCCESS")
        fleet.shows("shown-2", "FAILURE")
        wait_until(lambda: _told(events, "shown-2", "task-failed"), WAIT_S, "the monitor to be told")
        fleet.messages.echo("enough")
        commands.join(10)
    listener.close()

    assert fleet.project.app.AsyncResult("shown-1").result == {"durable": "encrypted"}
    assert fleet.project.app.AsyncResult("shown-2").result.args[0] == "encrypted"
    assert any("shown-1" in command for command in taken), "its hint"
    for where in (everything(fleet.store), "\n".join(taken), str(events), fleet.workers["one"].child.output()):
        assert WORD not in where


def test_a_canvas_is_given_values_because_celery_hands_them_on(fleet: Fleet) -> None:
    tasks = fleet.project
    both = chain(tasks.task("echo").s("seen"), tasks.task("note").s("canvas-1"))
    assert both.apply_async().get(timeout=WAIT_S) == "seen"


def test_a_celery_task_as_a_child_shows_monitors_no_arguments(fleet: Fleet, events: list[dict[str, Any]]) -> None:
    sig = fleet.project.task("works").si("child-1", "plugh")
    assert fleet.durable.run("asked-1", "asks_plain", dict(sig), {}).result(WAIT_S) == "plugh"
    received = wait_until(lambda: _told(events, "asked-1.1", "task-received"), WAIT_S, "the monitor to be told")
    assert "plugh" not in str(received)
    settled = wait_until(
        lambda: [each for each in events if each.get("name") == "durable_celery.settle"], WAIT_S, "its callback"
    )
    assert "plugh" not in str(settled)


def test_a_worker_with_another_key_parks_what_it_cannot_read_and_one_with_the_key_goes_on(fleet: Fleet) -> None:
    handle = fleet.durable.run("moved-1", "awaits_promise", "gone")
    fleet.suspended(handle)
    first = fleet.ledger.count("moved-1", "start")
    fleet.workers["one"].kill()
    (two,) = fleet.start("two", concurrency=1, durable_encryption_keys=[OTHER])
    fleet.durable.promises.resolve(next(s.id for s in handle.steps() if s.kind == "promise"), "yes")
    with pytest.raises(Parked, match="add that key to the end of durable_encryption_keys"):
        handle.result(WAIT_S)
    assert fleet.ledger.count("moved-1", "start") == first
    fleet.shows("moved-1", "PARKED")

    two.kill()
    fleet.open("gone")
    fleet.start("three", concurrency=1, durable_encryption_keys=[KEY, OTHER])
    fleet.durable.resume("moved-1")
    assert handle.result(WAIT_S)


def test_the_error_that_celery_keeps_says_where_the_real_one_is(fleet: Fleet) -> None:
    with pytest.raises(ExecutionFailed, match=r"durable.get\('shown-2'\).result\(\) raises what it failed with"):
        fleet.project.app.AsyncResult("shown-2").get(timeout=WAIT_S)


def _told(events: list[dict[str, Any]], id: str, kind: str) -> list[dict[str, Any]]:
    return [each for each in list(events) if each.get("uuid") == id and each["type"] == kind]


def _until(monitor: Any, word: str) -> Iterator[str]:
    for said in monitor.listen():
        yield said["command"]
        if said["command"].endswith(word):
            return
