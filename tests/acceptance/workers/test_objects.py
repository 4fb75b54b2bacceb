"""Virtual objects and workflows on real workers, which are killed and frozen meanwhile."""

from __future__ import annotations

import time

import pytest

from durable_celery import Durable
from tests.acceptance.workers.fleet import Fleet, FleetMaker
from tests.acceptance.workers.objects import Counter, add, add_at_gate, click, run, step, total
from tests.acceptance.workers.waiting import wait_until

LEASE_S = 2.0


@pytest.fixture(scope="module", params=["prefork", "threads"])
def fleet(request: pytest.FixtureRequest, make_fleet: FleetMaker) -> Fleet:
    made = make_fleet(durable_lease=LEASE_S)
    made.start("one", "two", pool=request.param, concurrency=2)
    return made


@pytest.fixture(autouse=True)
def all_up(fleet: Fleet) -> None:
    """Start again what a test killed."""
    fleet.all_up()


def test_a_handler_that_was_killed_goes_on_before_the_next(fleet: Fleet) -> None:
    client = fleet.durable.client()
    first = client.send(add_at_gate, "go on", key="killed")
    holder = fleet.caught(first.id, f"{first.id}.1")
    second = client.send(add_at_gate, "go on", key="killed")
    assert second.status == "queued"
    killed_at = time.time()
    fleet.workers[holder.worker].kill()

    fleet.started_after(first.id, killed_at)
    assert fleet.ledger.count(f"{second.id}.1", "start") == 0
    fleet.open("go on")
    assert (first.result(20), second.result(20)) == (1, 2)
    assert client.call(total, key="killed") == 2


def test_what_a_frozen_worker_would_have_written_is_refused(fleet: Fleet) -> None:
    client = fleet.durable.client()
    first = client.send(add_at_gate, "thawed", key="frozen")
    holder = fleet.caught(first.id, f"{first.id}.1")
    frozen_at = time.time()
    fleet.workers[holder.worker].freeze()
    fleet.started_after(first.id, frozen_at)
    fleet.open("thawed")
    assert first.result(20) == 1
    assert client.call(add, 5, key="frozen") == 6
    fleet.workers[holder.worker].thaw()

    wait_until(lambda: fleet.workers[holder.worker].says("nothing more is written"), 20, "it to notice")
    assert client.call(total, key="frozen") == 6
    assert client.call(add, 1, key="frozen") == 7


def test_a_workflow_goes_on_where_it_was(fleet: Fleet) -> None:
    client = fleet.durable.client()
    running = client.send(run, "over", key="ann")
    wait_until(lambda: client.call(step, key="ann") == "first", 20, "the first step")
    client.call(click, "yes", key="ann")
    holder = fleet.caught(running.id, f"{running.id}.5")
    assert client.call(step, key="ann") == "clicked", "its state is read while it runs"
    fleet.workers[holder.worker].kill()
    fleet.open("over")

    result = running.result(20)
    assert (result["clicked"], result["step"]) == ("yes", "over")
    assert fleet.ledger.count(f"{running.id}.2", "start") == 1, "its first step was not repeated"
    assert client.send(run, "over", key="ann").id == running.id


def test_it_shows_in_celery_under_the_handlers_name(fleet: Fleet) -> None:
    sent = fleet.durable.client().send(add, 1, key="celery")
    assert sent.result(20) == 1
    fleet.shows(sent.id, "SUCCESS")
    assert "Counter.add" in fleet.project.app.tasks
    assert fleet.durable.invocations.services["Counter"] is Counter


def test_a_program_without_celery_reads_the_same_state(fleet: Fleet) -> None:
    fleet.durable.client().call(add, 3, key="other")
    other = Durable(store=fleet.store)
    try:
        assert other.store.state("Counter/other") == {"total": "3"}
    finally:
        other.close()
