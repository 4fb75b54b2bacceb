"""Ordinary Celery tasks and canvas as children of durable functions: their results, their failures, and their loss."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from celery import chain, chord, group

from durable_celery import Cancelled, Handle, State, TaskLost
from tests.acceptance.workers.fleet import Fleet, FleetMaker, Worker
from tests.acceptance.workers.proj import ShopClosed
from tests.acceptance.workers.waiting import wait_until

STYLES = ("asks_plain", "asks_generator", "asks_async")


@pytest.fixture(scope="module")
def fleet(make_fleet: FleetMaker) -> Fleet:
    made = make_fleet()
    made.start("one", "two")
    return made


@pytest.fixture(autouse=True)
def all_up(fleet: Fleet) -> None:
    """Start again what a test killed."""
    fleet.all_up()


def ask(fleet: Fleet, id: str, sig: Any, style: str = "asks_async", **said: Any) -> Handle[Any]:
    """Start a durable function that calls this signature as its only child, `<id>.1`."""
    return fleet.project.functions[style].run(id, dict(sig), said)


def tasks(fleet: Fleet, *names: str) -> list[Any]:
    return [fleet.project.task(name) for name in names]


def started(fleet: Fleet, name: str) -> None:
    wait_until(lambda: fleet.ledger.count(name, "start"), 20, f"the task {name} to start")


def looked_at(fleet: Fleet, child: str, times: int) -> None:
    """Wait until workers have looked after a child so often since it was sent."""
    field = f"dc:{{0}}:r:{child}"
    wait_until(lambda: int(fleet.redis.hget(field, "bo") or 0) >= times, 40, f"{child} to be looked at")


def consume(fleet: Fleet, queue: str) -> None:
    fleet.project.app.control.add_consumer(queue, reply=True, timeout=5)


def by_callback(fleet: Fleet, *children: str) -> None:
    """Their outcomes were told by a callback; nobody had to look for them."""
    found = [each for each in children for worker in fleet.workers.values() if worker.says(f"from the task of {each};")]
    assert found == []


def lose(fleet: Fleet, handle: Handle[Any], queue: str) -> None:
    """The message of its child, which nobody consumes, is gone."""
    fleet.suspended(handle)
    wait_until(lambda: fleet.queued(queue), 20, "its message")
    fleet.messages.delete(queue)


# Every shape, in every style


def simple(add: Any, add_all: Any) -> Any:
    return add.s(1, 2)


def in_a_chain(add: Any, add_all: Any) -> Any:
    return chain(add.s(1, 2), add.s(10), add.s(100))


def in_a_group(add: Any, add_all: Any) -> Any:
    return group(add.s(number, number) for number in range(4))


def in_a_chord(add: Any, add_all: Any) -> Any:
    return chord([add.s(1, 1), add.s(2, 2)], add_all.s())


def nested(add: Any, add_all: Any) -> Any:
    return chain(add.s(1, 1), group(add.s(1), add.s(2)), add_all.s(), group(add.s(10), add.s(20)))


SHAPES = [(simple, 3), (in_a_chain, 113), (in_a_group, [0, 2, 4, 6]), (in_a_chord, 6), (nested, [17, 27])]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("shape", "value"), SHAPES, ids=lambda each: getattr(each, "__name__", ""))
def test_its_result_is_the_childs_value(fleet: Fleet, style: str, shape: Callable[..., Any], value: Any) -> None:
    id = f"{shape.__name__}-{style}"

    handle = ask(fleet, id, shape(*tasks(fleet, "add", "add_all")), style)

    assert handle.result(30) == value
    assert fleet.durable.get(f"{id}.1").result(5) == value
    assert fleet.project.app.AsyncResult(f"{id}.1").get(timeout=5) == value
    (step,) = handle.steps()
    assert (step.id, step.kind, step.state) == (f"{id}.1", "task", State.RESOLVED)
    assert fleet.durable.get(f"{id}.1").promise().sends == 1
    by_callback(fleet, f"{id}.1")


def test_a_callback_of_its_own_fires_too(fleet: Fleet) -> None:
    add, note = tasks(fleet, "add", "note")
    sig = add.s(1, 2)
    sig.link(note.s("linked-1"))

    assert ask(fleet, "linked", sig).result(20) == 3
    wait_until(lambda: fleet.ledger.count("linked-1", "called"), 20, "its callback")


def test_a_durable_function_may_be_part_of_it(fleet: Fleet) -> None:
    add, plus = tasks(fleet, "add", "plus_plain")

    assert ask(fleet, "mixed-1", chain(add.s(1, 2), plus.s(10))).result(20) == 13
    assert ask(fleet, "mixed-2", plus.s(1, 10)).result(20) == 11


def test_a_task_that_ignores_its_result_gives_it_to_who_waits(fleet: Fleet) -> None:
    (silent,) = tasks(fleet, "works_silently")

    assert ask(fleet, "silent", silent.s("silent-1", 7)).result(20) == 7
    assert fleet.project.app.AsyncResult("silent.1").get(timeout=5) == 7


def test_it_is_retried_as_celery_does(fleet: Fleet) -> None:
    (lucky,) = tasks(fleet, "third_time_lucky")

    assert ask(fleet, "lucky", lucky.s("lucky-1")).result(20) == "done"
    assert fleet.ledger.count("lucky-1", "start") == 3


def test_many_at_once(fleet: Fleet) -> None:
    handle = fleet.project.functions["asks_many"].run("many", 100)

    assert handle.result(60) == sum(range(100)) + 100
    assert fleet.durable.get("many").promise().attempt <= 3


def test_waiting_for_it_frees_the_only_slot(make_fleet: FleetMaker) -> None:
    narrow = make_fleet()
    narrow.start("only", concurrency=1)
    (add,) = tasks(narrow, "add")

    handles = [ask(narrow, f"narrow-{number}", chain(add.s(number, 1), add.s(1))) for number in range(3)]

    assert [handle.result(30) for handle in handles] == [2, 3, 4]


# Failures


@pytest.mark.parametrize("style", STYLES)
def test_its_error_is_the_original_one(fleet: Fleet, style: str) -> None:
    (closes,) = tasks(fleet, "closes")

    with pytest.raises(ShopClosed, match="until nine"):
        ask(fleet, f"closed-{style}", closes.s("until nine"), style).result(20)
    by_callback(fleet, f"closed-{style}.1")


def test_a_body_may_catch_it(fleet: Fleet) -> None:
    (closes,) = tasks(fleet, "closes")

    assert ask(fleet, "caught", closes.s("today"), "asks_and_catches").result(20) == ["ShopClosed", "today"]


def test_a_chain_fails_with_its_first_failure(fleet: Fleet) -> None:
    add, closes = tasks(fleet, "add", "closes")
    sig = chain(add.s(1, 2), closes.si("in the middle"), add.s(3))

    assert ask(fleet, "broken-chain", sig, "asks_and_catches").result(20) == ["ShopClosed", "in the middle"]
    by_callback(fleet, "broken-chain.1")


@pytest.mark.parametrize("shape", ["chord", "group"])
def test_one_failure_in_parallel_fails_the_whole(fleet: Fleet, shape: str) -> None:
    add, add_all, closes = tasks(fleet, "add", "add_all", "closes")
    header = [add.s(1, 2), closes.s("one of them")]
    sig = chord(header, add_all.s()) if shape == "chord" else group(header)

    kind, message = ask(fleet, f"broken-{shape}", sig, "asks_and_catches").result(30)

    assert kind in ("ChordError", "ShopClosed")
    assert "one of them" in message
    by_callback(fleet, f"broken-{shape}.1")


def test_a_result_without_a_json_form_is_a_typed_error(fleet: Fleet) -> None:
    (gives,) = tasks(fleet, "gives_an_object")

    assert ask(fleet, "object", gives.s(), "asks_and_catches").result(30) == [
        "ExecutionFailed",
        "kombu.exceptions.EncodeError: Object of type object is not JSON serializable",
    ]


def test_a_task_that_nobody_knows_fails(fleet: Fleet) -> None:
    sig = fleet.project.app.signature("nobody")

    assert ask(fleet, "unknown", sig, "asks_and_catches").result(30) == ["NotRegistered", "'nobody'"]


# Queues


def test_a_queue_of_its_own(fleet: Fleet) -> None:
    (add,) = tasks(fleet, "add")
    by_call = ask(fleet, "queued-1", add.s(1, 2), queue="elsewhere")
    by_signature = ask(fleet, "queued-2", chain(add.s(3, 4).set(queue="elsewhere"), add.s(1)))
    wait_until(lambda: fleet.queued("elsewhere") == 2, 20, "their messages")

    consume(fleet, "elsewhere")

    assert (by_call.result(20), by_signature.result(20)) == (3, 8)


def test_a_delayed_one_is_kept_by_the_store_until_its_time(fleet: Fleet) -> None:
    (works,) = tasks(fleet, "works")
    handle = ask(fleet, "delayed", works.s("delayed-1", 1), delay=3)
    fleet.suspended(handle)
    promise = fleet.durable.get("delayed.1").promise()

    assert promise.not_before_at is not None
    assert handle.result(30) == 1
    assert fleet.ledger.lines("delayed-1", "start")[0].at * 1000 >= promise.not_before_at


# Crashes and losses


@pytest.fixture
def apart(make_fleet: FleetMaker) -> Fleet:
    """One worker for durable functions, another one for the tasks they call."""
    made = make_fleet()
    made.start("parents", options=("-Q", "parents"))
    made.start("children")
    return made


def interrupted(fleet: Fleet, style: str) -> Handle[Any]:
    """A durable function whose worker is killed while its child is at work, which then comes to its end."""
    (works,) = tasks(fleet, "works")
    handle: Handle[Any] = (
        fleet.project.functions[style].options(queue="parents").run("up", works.s("down", 5, "go"), {})
    )
    started(fleet, "down")
    fleet.suspended(handle)
    fleet.workers["parents"].kill()
    fleet.open("go")
    wait_until(lambda: fleet.queued("parents"), 20, "the callback's message")
    return handle


@pytest.mark.parametrize("style", STYLES)
def test_the_parents_worker_is_killed_while_the_child_runs(apart: Fleet, style: str) -> None:
    handle = interrupted(apart, style)

    apart.workers["parents"].again().ready()

    assert handle.result(30) == 5
    assert apart.ledger.count("down", "start") == 1


def test_a_sender_that_dies_before_it_notes_that_it_sent_does_not_send_twice(fleet: Fleet) -> None:
    (works,) = tasks(fleet, "works")

    handle = fleet.project.functions["asks_and_is_killed"].run("noted", dict(works.s("noted-1", 4, "noted")), True)
    looked_at(fleet, "noted.1", 1)
    wait_until(lambda: fleet.durable.get("noted.1").promise().sends == 1, 20, "a worker to say that it has it")
    fleet.open("noted")

    assert handle.result(30) == 4
    assert fleet.ledger.count("noted-1", "start") == 1


@pytest.mark.parametrize("pool", ["threads", "gevent", "solo"])
def test_other_pools_do_the_same(make_fleet: FleetMaker, pool: str) -> None:
    other = make_fleet()
    other.start("other", pool=pool)
    add, works, closes = tasks(other, "add", "works", "closes")

    assert ask(other, "chained", chain(add.s(1, 2), add.s(10))).result(30) == 13
    assert ask(other, "failed", closes.s("today"), "asks_and_catches").result(30) == ["ShopClosed", "today"]
    handle = ask(other, "lost", works.s("lost-1", 1).set(queue="nowhere"), "asks_and_catches", lost_after=1)
    lose(other, handle, "nowhere")
    assert handle.result(30)[0] == "TaskLost"


def test_a_lost_callback_is_made_up_for(apart: Fleet) -> None:
    handle = interrupted(apart, "asks_async")
    apart.messages.delete("parents")

    wait_until(lambda: apart.durable.get("up.1").done(), 40, "the child's result to be found")
    assert apart.workers["children"].says("no callback came from the task of up.1") == 1
    apart.workers["parents"].again().ready()

    assert handle.result(40) == 5
    assert apart.ledger.count("down", "start") == 1


def test_workers_that_have_never_heard_of_durable_celery_do_it(fleet: Fleet) -> None:
    """Their callbacks are messages to a queue of ours."""
    argv = [sys.executable, "-m", "celery", "-A", "tests.acceptance.workers.foreign_app", "worker"]
    argv += ["-n", "foreign@%h", "-l", "info", "-Q", "abroad", "-c", "1"]
    foreign = Worker("foreign", argv, fleet.env(), fleet.folder / "foreign.log")
    fleet.workers["foreign"] = foreign
    foreign.ready()
    app = fleet.project.app
    good, bad = (app.signature(name, (1, 2), queue="abroad") for name in ("foreign_add", "foreign_failure"))

    try:
        assert ask(fleet, "abroad-1", good).result(20) == 3
        assert ask(fleet, "abroad-2", bad, "asks_and_catches").result(20) == [
            "ValueError",
            "1 and 2 do not go together",
        ]
        by_callback(fleet, "abroad-1.1", "abroad-2.1")
    finally:
        fleet.workers.pop("foreign").child.kill()


def test_a_sender_that_dies_before_sending_costs_nothing(fleet: Fleet) -> None:
    (works,) = tasks(fleet, "works")

    handle = fleet.project.functions["asks_and_is_killed"].run("unsent", dict(works.s("unsent-1", 4)), False)

    assert handle.result(30) == 4
    assert fleet.ledger.count("unsent-1", "start") == 1


@pytest.mark.parametrize("shape", ["task", "chain", "group"])
def test_a_lost_task_is_sent_again_when_asked_for(fleet: Fleet, shape: str) -> None:
    id, (works, add) = f"resent-{shape}", tasks(fleet, "works", "add")
    first = works.s(f"{id}-1", 8).set(queue=id)
    sig = {"task": first, "chain": first | add.s(1), "group": group(first, add.s(1, 1))}[shape]
    handle = ask(fleet, id, sig, lost="resend", lost_after=1)
    lose(fleet, handle, id)

    wait_until(lambda: fleet.queued(id), 30, "its second message")
    consume(fleet, id)

    assert handle.result(30) == {"task": 8, "chain": 9, "group": [8, 2]}[shape]
    assert fleet.durable.get(f"{id}.1").promise().sends == 2


def test_a_lost_task_is_an_error_unless_said_otherwise(fleet: Fleet) -> None:
    (works,) = tasks(fleet, "works")
    handle = ask(fleet, "given-up", works.s("given-up-1", 1).set(queue="given-up"), lost_after=1)
    lose(fleet, handle, "given-up")

    with pytest.raises(TaskLost, match=r"nothing was heard of the Celery task works \('given-up\.1'\)") as lost:
        handle.result(30)

    assert (lost.value.promise_id, lost.value.task) == ("given-up.1", "works")
    assert fleet.queued("given-up") == 0


def test_a_lost_task_that_is_acknowledged_late_is_sent_again_by_itself(fleet: Fleet) -> None:
    (works,) = tasks(fleet, "works_late")
    handle = ask(fleet, "late", works.s("late-1", 2).set(queue="late"), lost_after=1)
    lose(fleet, handle, "late")

    wait_until(lambda: fleet.queued("late"), 30, "its second message")
    consume(fleet, "late")

    assert handle.result(30) == 2


def test_a_lost_task_is_waited_for_when_asked_for(fleet: Fleet) -> None:
    (works,) = tasks(fleet, "works")
    handle = ask(fleet, "patient", works.s("patient-1", 1).set(queue="patient"), lost="wait", lost_after=1)
    lose(fleet, handle, "patient")

    looked_at(fleet, "patient.1", 3)
    assert (handle.state, fleet.queued("patient")) == (State.PENDING, 0)
    fleet.durable.promises.resolve("patient.1", "by hand")

    assert handle.result(20) == "by hand"


def test_a_task_that_is_killed_with_its_worker_is_lost(fleet: Fleet) -> None:
    (works,) = tasks(fleet, "works")
    handle = ask(fleet, "killed", works.s("killed-1", 3, "killed"), lost="resend", lost_after=1)
    started(fleet, "killed-1")
    fleet.suspended(handle)

    worker = next(each for each in fleet.workers.values() if each.says("works[killed.1] received"))
    worker.kill()
    wait_until(lambda: fleet.ledger.count("killed-1", "start") == 2, 40, "the task to run again")
    fleet.open("killed")

    assert handle.result(20) == 3


def test_a_long_task_is_not_lost(fleet: Fleet) -> None:
    (works,) = tasks(fleet, "works")
    handle = ask(fleet, "long", works.s("long-1", 9, "long"), lost="fail", lost_after=1)
    started(fleet, "long-1")

    looked_at(fleet, "long.1", 3)
    assert handle.state is State.PENDING
    fleet.open("long")

    assert handle.result(20) == 9


# Stopping


def test_cancelling_the_parent_revokes_what_has_not_begun(fleet: Fleet) -> None:
    (works,) = tasks(fleet, "works")
    handle = ask(fleet, "stopped", works.s("stopped-1", 1).set(queue="stopped"))
    fleet.suspended(handle)
    wait_until(lambda: fleet.queued("stopped"), 20, "its message")

    handle.cancel()
    assert fleet.durable.get("stopped.1").state is State.CANCELED
    inspect = fleet.project.app.control.inspect(timeout=1)
    wait_until(lambda: "stopped.1" in str(inspect.revoked()), 20, "the task to be revoked")
    consume(fleet, "stopped")

    fleet.shows("stopped.1", "REVOKED")
    assert fleet.ledger.count("stopped-1", "start") == 0


def test_a_task_that_somebody_revokes_is_cancelled(fleet: Fleet) -> None:
    (works,) = tasks(fleet, "works")
    handle = ask(fleet, "revoked", works.s("revoked-1", 1).set(queue="revoked"))
    fleet.suspended(handle)
    wait_until(lambda: fleet.queued("revoked"), 20, "its message")

    fleet.project.app.control.revoke("revoked.1", reply=True, timeout=5)
    consume(fleet, "revoked")

    with pytest.raises(Cancelled, match=r"revoked\.1"):
        handle.result(40)
