"""Tasks that are not registered are what they were: each behaviour with a Durable on the application, and without.

Celery's own integration tests say the same at length: see tests/celery_compat.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import Celery, chain, chord, group
from celery.beat import ScheduleEntry, Scheduler
from celery.exceptions import TaskRevokedError, TimeLimitExceeded
from celery.schedules import schedule

from tests.acceptance.workers.conftest import Servers
from tests.acceptance.workers.fleet import Worker, hostname
from tests.acceptance.workers.ledger import Ledger
from tests.acceptance.workers.ordinary import ordinary
from tests.acceptance.workers.waiting import wait_until

WAIT_S = 20
LIFE = ["task-received", "task-started", "task-succeeded"]


@dataclass(frozen=True, slots=True)
class Place:
    """One application, its worker, and what its tasks did."""

    app: Celery
    worker: Worker
    ledger: Ledger
    node: str

    def task(self, name: str) -> Any:
        return self.app.tasks[name]

    def value(self, name: str, event: str) -> Any:
        """What was told under a name, waited for; it was told once."""
        wait_until(lambda: self.ledger.lines(name, event), WAIT_S, f"{name} to be told {event}")
        [line] = self.ledger.lines(name, event)
        return line.value


@pytest.fixture(scope="module", params=["stock", "durable"])
def place(
    request: pytest.FixtureRequest,
    servers: Servers,
    databases: Iterator[int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Place]:
    kind, number, folder = request.param, next(databases), tmp_path_factory.mktemp("ordinary")
    broker, store = (f"{server.url.rpartition('/')[0]}/{number}" for server in (servers.broker, servers.store))
    ledger = Ledger(folder / "ledger")
    env = {"BROKER": broker, "STORE": store, "LEDGER": str(ledger.path), "ORDINARY": kind, "PYTHONUNBUFFERED": "1"}
    env["C_FORCE_ROOT"] = "1"  # it accepts pickles, and containers run tests as root
    argv = [sys.executable, "-m", "celery", "-A", "tests.acceptance.workers.ordinary", "worker", "-n", f"{kind}@%h"]
    argv += ["-l", "info", "-c", "2", "-E", "-Q", "celery,special", "--without-mingle"]
    worker = Worker(kind, argv, env, folder / "worker.log").ready()
    app = ordinary(broker, store, durable=kind == "durable")
    yield Place(app, worker, ledger, hostname(kind))
    worker.child.kill()
    if kind == "durable":
        app.durable.close()
    app.close()


# Values, errors, retries


def test_values_and_errors_come_back(place: Place) -> None:
    assert place.task("add").delay(2, 3).get(timeout=WAIT_S) == 5
    assert place.task("add").apply_async((2,), {"y": 4}, task_id="own-id").id == "own-id"
    assert place.app.send_task("add", (1, 1)).get(timeout=WAIT_S) == 2
    assert place.task("add")(2, 2) == 4
    with pytest.raises(ValueError, match="no tea"):
        place.task("fail").delay("no tea").get(timeout=WAIT_S)
    with pytest.raises(TypeError, match="argument"):
        place.task("add").delay()


@pytest.mark.parametrize("name", ["again", "unlucky"])
def test_retries_are_celerys(place: Place, name: str) -> None:
    assert place.task(name).delay(2).get(timeout=WAIT_S) == 2


def test_a_process_that_died_gives_its_late_acknowledged_task_back(place: Place) -> None:
    result = place.task("dies_once").delay()

    assert result.get(timeout=WAIT_S) == "survived"
    assert place.ledger.count(result.id, "start") == 2


# Time


def test_a_countdown_and_an_eta_wait_in_the_worker(place: Place) -> None:
    due = datetime.now(UTC) + timedelta(seconds=1)
    name = f"later-{place.worker.name}"
    results = [
        place.task("works").apply_async((name, 0), countdown=1),
        place.task("works").apply_async((name, 0), eta=due),
    ]
    inspect = place.app.control.inspect(timeout=0.5)
    wait_until(lambda: len((inspect.scheduled() or {}).get(place.node, ())) == 2, WAIT_S, "two to be scheduled")

    assert [result.get(timeout=WAIT_S) for result in results] == ["in time"] * 2
    assert all(line.at >= due.timestamp() - 0.1 for line in place.ledger.lines(name, "start"))


def test_what_has_expired_is_not_executed(place: Place) -> None:
    result = place.task("works").apply_async(("expired", 0), expires=datetime.now(UTC) - timedelta(seconds=5))

    with pytest.raises(TaskRevokedError):
        result.get(timeout=WAIT_S)
    assert not place.ledger.lines("expired")


def test_a_rate_limit_holds(place: Place) -> None:
    results = [place.task("slow_lane").delay("slow-lane", 0) for _ in range(4)]

    assert [result.get(timeout=WAIT_S) for result in results] == ["in time"] * 4
    at = [line.at for line in place.ledger.lines("slow-lane")]
    assert at[-1] - at[0] >= 1


def test_the_soft_limit_is_raised_and_the_hard_one_is_a_failure(place: Place) -> None:
    works = place.task("works")

    assert works.apply_async(("soft", 30), soft_time_limit=1).get(timeout=WAIT_S) == "told to hurry"
    with pytest.raises(TimeLimitExceeded):
        works.apply_async(("hard", 30), time_limit=1).get(timeout=WAIT_S)


def test_revoking_takes_back_what_waits_and_ends_what_runs(place: Place) -> None:
    waits = place.task("works").apply_async(("revoked", 0), countdown=1)
    waits.revoke()
    runs = place.task("works").delay("terminated", 30)
    wait_until(lambda: place.ledger.lines("terminated"), WAIT_S, "it to run")
    runs.revoke(terminate=True)

    for result in (waits, runs):
        with pytest.raises(TaskRevokedError):
            result.get(timeout=WAIT_S)
    assert not place.ledger.lines("revoked")


# Canvas


def test_canvas_gives_what_it_gave(place: Place) -> None:
    add, add_all = place.task("add"), place.task("add_all")

    assert chain(add.s(1, 1), add.s(2), add.s(3))().get(timeout=WAIT_S) == 7
    assert group(add.s(number, 1) for number in range(3))().get(timeout=WAIT_S) == [1, 2, 3]
    assert chord([add.s(1, 1), add.s(2, 2)])(add_all.s()).get(timeout=WAIT_S) == 6
    assert add.chunks([(1, 1), (2, 2), (3, 3)], 2)().get(timeout=WAIT_S) == [[2, 4], [6]]
    assert add.map([1, 2]).delay().get(timeout=WAIT_S) == [1, 2]
    assert add.starmap([(1, 2), (3, 4)]).delay().get(timeout=WAIT_S) == [3, 7]


def test_callbacks_are_called_once(place: Place) -> None:
    note, note_error = place.task("note"), place.task("note_error")

    place.task("add").apply_async((1, 2), link=note.s("linked"))
    place.task("fail").apply_async(("no",), link=note.s("never"), link_error=note_error.s("broken"))

    assert place.value("linked", "called") == 3
    assert place.value("broken", "failed") == "no"
    assert not place.ledger.lines("never")


# Classes, requests, signals


def test_a_base_class_is_told(place: Place) -> None:
    good, bad = place.task("told").delay(1, 2), place.task("told_failure").delay("no")

    assert place.value(good.id, "success") == 3
    assert place.value(bad.id, "failure") == "ValueError"
    assert place.ledger.count(good.id, "before") == 1
    assert "tests.acceptance.workers.ordinary.Telling" not in place.app.tasks


def test_a_request_class_is_used(place: Place) -> None:
    result = place.task("requested").delay(1, 1)

    assert result.get(timeout=WAIT_S) == 2
    wait_until(
        lambda: place.ledger.count(result.id, "accepted"), WAIT_S, "the request to be told"
    )  # after the result, at times
    assert place.ledger.count(result.id, "accepted") == 1


def test_signals_are_sent(place: Place) -> None:
    assert place.value(place.task("add").delay(1, 1).id, "postrun") == "SUCCESS"
    assert place.value(place.task("fail").delay("no").id, "postrun") == "FAILURE"


# Messages


def test_routes_queues_and_priorities_hold(place: Place) -> None:
    routed = place.task("routed").delay().get(timeout=WAIT_S)
    named = place.task("who").apply_async(queue="special", priority=3).get(timeout=WAIT_S)

    assert (routed["queue"], routed["name"]) == ("special", "routed")
    assert (named["queue"], named["priority"]) == ("special", 3)


def test_other_serializers_are_accepted(place: Place) -> None:
    assert place.task("kind").apply_async(({1, 2},), serializer="pickle").get(timeout=WAIT_S) == "set"
    assert place.task("kind").apply_async(([1],), compression="gzip").get(timeout=WAIT_S) == "list"


def test_an_ignored_result_is_not_stored(place: Place) -> None:
    result = place.task("forgotten").apply_async((1, 2), task_id="forgotten")

    assert place.value("forgotten", "postrun") == "SUCCESS"
    assert result.get(timeout=WAIT_S) is None
    assert place.app.backend.get(place.app.backend.get_key_for_task("forgotten")) is None


# What surrounds the tasks


def test_beat_sends_what_is_scheduled(place: Place) -> None:
    scheduler = Scheduler(place.app, lazy=True)
    entry = ScheduleEntry(
        name="often", task="note", schedule=schedule(60), args=("tick", "from-beat"), app=place.app, total_run_count=0
    )

    scheduler.apply_async(entry, advance=False)

    assert place.value("from-beat", "called") == "tick"


def test_remote_control_answers(place: Place) -> None:
    inspect = place.app.control.inspect(timeout=2, limit=1)
    names = set(inspect.registered()[place.node])

    assert inspect.ping() == {place.node: {"ok": "pong"}}
    assert {"add", "again", "routed"} <= names
    assert ("occupied" in names) == (place.worker.name == "durable")
    assert place.app.control.rate_limit("kind", "100/m", reply=True, limit=1) == [
        {place.node: {"ok": "new rate limit set successfully"}}
    ]


def test_events_tell_the_life_of_a_task(place: Place) -> None:
    seen: dict[str, list[str]] = {}
    listening, over = threading.Event(), threading.Event()

    def listen() -> None:
        with place.app.connection_for_read() as connection:
            receiver = place.app.events.Receiver(connection, handlers={"*": heard})
            it = receiver.itercapture(limit=None, timeout=None, wakeup=False)
            listening.set()
            while not over.is_set():
                next(it)

    def heard(event: dict[str, Any]) -> None:
        seen.setdefault(event.get("uuid", ""), []).append(event["type"])

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert listening.wait(WAIT_S)
    ids: list[str] = []

    def told() -> bool:
        """Sent again until somebody listens: a subscription takes its time."""
        result = place.task("add").delay(1, 1)
        result.get(timeout=WAIT_S)
        ids.append(result.id)
        return any(seen.get(each) == LIFE for each in ids)

    wait_until(told, WAIT_S, "a task's whole life", pause=0.2)
    over.set()
    place.task("add").delay(1, 1)  # so that the listener looks up once more
    thread.join(5)
    assert not thread.is_alive()


def test_always_eager_runs_inline(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER", str(place.ledger.path))
    eager = ordinary("memory://", "cache+memory://", durable=place.worker.name == "durable", task_always_eager=True)

    assert eager.tasks["add"].delay(1, 2).get() == 3
    assert chain(eager.tasks["add"].s(1, 1), eager.tasks["add"].s(2))().get() == 4
    assert eager.tasks["fail"].delay("no").state == "FAILURE"


# And nothing else is different


def test_a_durable_changes_no_setting_and_adds_its_own_tasks() -> None:
    stock, durable = (ordinary("memory://", "cache+memory://", durable=each) for each in (False, True))
    before, after = (dict(app.conf.table()) for app in (stock, durable))

    assert after == before
    added = {"occupied", "durable_celery.settle", "durable_celery.settle_error"}
    assert set(durable.tasks) - set(stock.tasks) == added
    for name, task in stock.tasks.items():
        if not name.startswith("celery."):
            other = durable.tasks[name]
            assert [base.__name__ for base in type(other).__mro__] == [base.__name__ for base in type(task).__mro__]
            assert other.Request == task.Request


def test_a_busy_worker_fetches_ahead_as_ever(place: Place) -> None:
    gate = f"busy-{place.worker.name}"
    results = [place.task("works").delay(gate, 2) for _ in range(4)]
    wait_until(lambda: place.ledger.count(gate, "start") == 2, WAIT_S, "both processes to be busy")
    inspect = place.app.control.inspect(timeout=2, limit=1)

    wait_until(lambda: len(inspect.reserved()[place.node]) == 2, WAIT_S, "two to be fetched ahead")
    assert [result.get(timeout=WAIT_S) for result in results] == ["in time"] * 4
