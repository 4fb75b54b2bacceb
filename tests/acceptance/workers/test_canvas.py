"""Durable functions are Celery tasks: canvas, callbacks and ordinary calls, across suspensions and crashes.

Every callback fires once, at the real end of the execution it belongs to.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from celery import Celery, chain, chord, group

from durable_celery import DurableError, IdConflict
from durable_celery.store import Ready
from durable_celery.worker.publisher import Publisher
from tests.acceptance.workers.fleet import Fleet, FleetMaker
from tests.acceptance.workers.proj import ShopClosed, project
from tests.acceptance.workers.waiting import wait_until

STYLES = ("plus_plain", "plus_generator", "plus_async")


@pytest.fixture(scope="module")
def fleet(make_fleet: FleetMaker) -> Fleet:
    made = make_fleet()
    made.start("one", "two")
    return made


@pytest.fixture(autouse=True)
def all_up(fleet: Fleet) -> None:
    """Start again what a test killed."""
    fleet.all_up()


def called_once(fleet: Fleet, name: str, value: Any) -> None:
    """A callback was called with this value, and is not called a second time."""
    wait_until(lambda: fleet.ledger.count(name, "called"), 20, f"the callback {name}")
    drained(fleet)
    assert [line.value for line in fleet.ledger.lines(name)] == [value]


def drained(fleet: Fleet) -> None:
    """Wait until the workers have nothing left to do: no message waits, none is at work."""
    inspect = fleet.project.app.control.inspect(timeout=1, limit=len(fleet.workers))

    def idle() -> bool:
        seen = [inspect.active() or {}, inspect.reserved() or {}]
        return all(len(each) == len(fleet.workers) and not any(each.values()) for each in seen)

    wait_until(lambda: fleet.queued() == 0 and idle(), 20, "all messages to be worked off")


# Canvas over suspensions


@pytest.mark.parametrize("style", STYLES)
def test_a_chain_waits_for_the_real_end_of_its_durable_part(fleet: Fleet, style: str) -> None:
    add, plus, note = (fleet.project.task(name) for name in ("add", style, "note"))

    last = chain(add.s(1, 2), plus.s(10), add.s(100), note.s(f"chain-{style}"))()

    assert last.get(timeout=20) == 113
    called_once(fleet, f"chain-{style}", 113)


def test_a_group_has_the_values_of_its_durable_members(fleet: Fleet) -> None:
    result = group(*(fleet.project.task(style).s(number, 10) for number, style in enumerate(STYLES)))()

    assert result.get(timeout=20) == [10, 11, 12]


@pytest.mark.parametrize("style", STYLES)
def test_a_chord_waits_for_durable_headers_and_may_have_a_durable_body(fleet: Fleet, style: str) -> None:
    add, add_all, plus, note = (fleet.project.task(name) for name in ("add", "add_all", style, "note"))
    name = f"chord-{style}"

    header = [plus.s(1, 1), plus.s(2, 2), add.s(3, 3)]
    result = chord(header)(add_all.s() | plus.s(1000) | note.s(name))

    assert result.get(timeout=20) == 1012
    called_once(fleet, name, 1012)


def test_a_link_is_called_once_with_the_final_value(fleet: Fleet) -> None:
    plus, note = fleet.project.task("plus_async"), fleet.project.task("note")

    result = plus.apply_async((1, 2), task_id="link-1", link=[note.s("link-1-a"), note.s("link-1-b")])

    assert result.id == "link-1"
    assert result.get(timeout=20) == 3
    called_once(fleet, "link-1-a", 3)
    called_once(fleet, "link-1-b", 3)


@pytest.mark.parametrize(
    ("errback", "told"), [("note_error", "we are closed"), ("note_failed_id", "link-2-note_failed_id")]
)
def test_a_link_error_is_called_once_and_the_link_never(fleet: Fleet, errback: str, told: str) -> None:
    name = f"link-2-{errback}"
    fails, note, note_error = (fleet.project.task(each) for each in ("fails", "note", errback))

    result = fails.apply_async(
        ("we are closed",), task_id=name, link=note.s(f"{name}-ok"), link_error=note_error.s(name)
    )

    with pytest.raises(ShopClosed):
        result.get(timeout=20)
    wait_until(lambda: fleet.ledger.count(name, "failed"), 20, "the errback")
    drained(fleet)
    assert [line.value for line in fleet.ledger.lines(name, "failed")] == [told]
    assert not fleet.ledger.lines(f"{name}-ok")


def test_arguments_of_every_type_travel_with_a_callback(fleet: Fleet) -> None:
    echo, note = fleet.project.task("echo"), fleet.project.task("note")
    value = {"when": datetime(2031, 5, 4, tzinfo=UTC), "who": uuid.UUID(int=7)}

    result = echo.apply_async((value,), task_id="typed-1", link=note.si("called", "typed-1-link"))

    assert result.get(timeout=20) == value
    called_once(fleet, "typed-1-link", "called")


# … and over crashes


@pytest.mark.parametrize("style", STYLES)
def test_a_killed_worker_costs_no_callback_and_adds_none(fleet: Fleet, style: str) -> None:
    add, plus, note = (fleet.project.task(name) for name in ("add", style, "note"))
    killed, end = f"killed-{style}", f"killed-{style}-end"
    last = chain(
        add.s(1, 2),
        plus.s(10, gate=killed).set(task_id=killed, link=note.s(f"{killed}-link")),
        note.s(end),
    )()

    holder = fleet.caught(killed, f"{killed}.3")
    fleet.workers[holder.worker].kill()
    fleet.open(killed)

    assert last.get(timeout=20) == 13
    fleet.all_up()
    called_once(fleet, end, 13)
    called_once(fleet, f"{killed}-link", 13)
    assert fleet.ledger.repeated(killed) <= {f"{killed}.3"}


def test_a_chord_whose_header_is_killed_calls_its_body_once(fleet: Fleet) -> None:
    add_all, plus, note = (fleet.project.task(name) for name in ("add_all", "plus_async", "note"))
    header = [
        plus.s(1, 1, gate="cut").set(task_id="cut-1"),
        plus.s(2, 2),
        plus.s(3, 3, gate="cut").set(task_id="cut-2"),
    ]
    result = chord(header)(add_all.s() | note.s("cut-end"))

    holder = fleet.caught("cut-1", "cut-1.3")
    fleet.workers[holder.worker].kill()
    fleet.open("cut")

    assert result.get(timeout=20) == 12
    fleet.all_up()
    called_once(fleet, "cut-end", 12)


def test_a_late_duplicate_of_a_finished_one_fires_nothing(fleet: Fleet) -> None:
    plus, note = fleet.project.task("plus_plain"), fleet.project.task("note")
    result = plus.apply_async((1, 2), task_id="late-1", link=note.s("late-1-link"))
    assert result.get(timeout=20) == 3
    called_once(fleet, "late-1-link", 3)
    wait_until(lambda: fleet.durable.get("late-1").promise().mirrored, 20, "the outcome to be noted as told")

    record = fleet.durable.get("late-1").promise()
    hint = Ready("late-1", "plus_plain", 1, "", "", record.canvas, record.attempt)
    before = sum(worker.says("[late-1] ignored") for worker in fleet.workers.values())
    Publisher(fleet.project.app).publish([hint, hint, hint])
    wait_until(
        lambda: sum(worker.says("[late-1] ignored") for worker in fleet.workers.values()) == before + 3,
        20,
        "the duplicates to be dropped",
    )

    called_once(fleet, "late-1-link", 3)
    assert fleet.state("late-1") == "SUCCESS"
    assert not fleet.ledger.repeated("late-1")


def test_hints_in_heaps_are_one_execution_and_one_callback(fleet: Fleet) -> None:
    """As when a long queue made the sweep repeat itself: the copies arrive while it runs and while it ends."""
    echo, note = fleet.project.task("echo"), fleet.project.task("note")
    ids = [f"heap-{number}" for number in range(30)]
    for each in ids:
        echo.apply_async((3, 0.01), task_id=each, link=note.s(f"{each}-link"))
        record = fleet.durable.get(each).promise()
        Publisher(fleet.project.app).publish([Ready(each, "echo", 1, "", "", record.canvas)] * 6)

    for each in ids:
        assert fleet.project.app.AsyncResult(each).get(timeout=30) == 3
    drained(fleet)
    for each in ids:
        assert fleet.ledger.count(f"{each}-link", "called") == 1
        assert not fleet.ledger.repeated(each)


# Ordinary tasks beside them


def test_ordinary_tasks_are_what_they_were(fleet: Fleet) -> None:
    add, lucky = fleet.project.task("add"), fleet.project.task("third_time_lucky")

    assert add.delay(2, 3).get(timeout=20) == 5
    assert chain(add.s(1, 1), add.s(2), add.s(3))().get(timeout=20) == 7
    assert lucky.delay("lucky").get(timeout=20) == "done"
    assert fleet.ledger.count("lucky", "start") == 3
    with pytest.raises(TypeError):
        add.delay(1, "one").get(timeout=20)
    assert add(2, 2) == 4


# Celery's ways to start one


def test_delay_and_apply_async_start_it(fleet: Fleet) -> None:
    plus = fleet.project.functions["plus_async"]

    assert plus.delay(1, 2).get(timeout=20) == 3
    result = plus.apply_async((1,), {"y": 2}, task_id="started-1")
    assert result.get(timeout=20) == 3
    assert fleet.durable.get("started-1").result(5) == 3


def test_the_same_task_id_is_the_same_execution(fleet: Fleet) -> None:
    echo = fleet.project.task("echo")

    first = echo.apply_async((1,), task_id="twice-1")
    second = echo.apply_async((1,), task_id="twice-1")
    assert first.get(timeout=20) == second.get(timeout=20) == 1
    assert echo.apply_async((1,), task_id="twice-1").get(timeout=20) == 1
    with pytest.raises(IdConflict):
        echo.apply_async((2,), task_id="twice-1")

    assert fleet.ledger.count("twice-1", "start") == 1


def test_a_countdown_is_the_stores(fleet: Fleet) -> None:
    result = fleet.project.task("echo").apply_async(("later",), task_id="countdown-1", countdown=1)
    called_at = fleet.durable.get("countdown-1").promise().created_at / 1000

    assert result.get(timeout=20) == "later"
    assert fleet.ledger.lines("countdown-1", "start")[0].at >= called_at + 1


def test_a_queue_of_ones_own(fleet: Fleet) -> None:
    result = fleet.project.task("plus_plain").apply_async((1, 2), task_id="queue-1", queue="special")
    assert fleet.queued("special") == 1

    fleet.project.app.control.add_consumer("special")
    assert result.get(timeout=20) == 3


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("expires", 60, r"takes no expires=.*deadline with \.options\(timeout="),
        ("retries", 2, r"takes no retries=.*counted by the store"),
    ],
)
def test_what_it_refuses_is_said_in_a_sentence(fleet: Fleet, option: str, value: int, sentence: str) -> None:
    with pytest.raises(DurableError, match=sentence):
        fleet.project.task("echo").apply_async((1,), **{option: value})


def test_wrong_arguments_are_refused_before_anything_is_recorded(fleet: Fleet) -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'value'"):
        fleet.project.task("echo").apply_async((), task_id="arity-1")
    assert fleet.redis.exists("dc:{0}:r:arity-1") == 0


# An application that has never heard of durable_celery


@pytest.fixture
def foreign(fleet: Fleet) -> Celery:
    return Celery("foreign", broker=fleet.broker, backend=fleet.store)


def test_send_task_from_a_foreign_application_starts_it(fleet: Fleet, foreign: Celery) -> None:
    link = foreign.signature("note", args=("foreign-1-link",))

    result = foreign.send_task("plus_async", args=(1, 2), task_id="foreign-1", link=link, expires=600)

    assert result.get(timeout=20) == 3
    called_once(fleet, "foreign-1-link", 3)
    assert fleet.durable.get("foreign-1").result(5) == 3


@pytest.mark.parametrize(
    ("id", "args", "error"),
    [
        ("foreign-2", (1, 2, 3, 4, 5), "too many positional arguments"),
        ("not|legal", (1, 2), "not|legal"),
    ],
)
def test_a_foreign_call_that_cannot_be_accepted_fails(
    fleet: Fleet, foreign: Celery, id: str, args: tuple[Any, ...], error: str
) -> None:
    result = foreign.send_task("plus_async", args=args, task_id=id)

    with pytest.raises(Exception, match=error.replace("|", r"\|")):
        result.get(timeout=20)
    assert result.state == "FAILURE"
    assert not fleet.redis.exists(f"dc:{{0}}:r:{id}")


# Without workers


def test_always_eager_runs_everything_inline(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER", str(fleet.ledger.path))
    monkeypatch.setenv("GATES", str(fleet.gates))
    eager = project(fleet.broker, fleet.store, task_always_eager=True)
    add, add_all, plus, note, fails = (eager.task(name) for name in ("add", "add_all", "plus_async", "note", "fails"))

    assert plus.delay(1, 2).get() == 3
    assert plus.apply_async((1, 2), task_id="eager-1", link=note.s("eager-1-link")).state == "SUCCESS"
    assert [line.value for line in fleet.ledger.lines("eager-1-link")] == [3]
    assert chain(add.s(1, 2), plus.s(10), add.s(100))().get() == 113
    assert group(plus.s(1, 1), plus.s(2, 2))().get() == [2, 4]
    assert chord([plus.s(1, 1), plus.s(2, 2)])(add_all.s()).get() == 6
    assert fails.delay("closed").state == "FAILURE"
    with pytest.raises(ShopClosed, match="closed"):
        fails.delay("closed").get()
