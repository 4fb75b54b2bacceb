"""Cancelled with real workers: bodies are told and undo what they did, also when a worker dies on the way."""

from __future__ import annotations

import pytest

from durable_celery import Cancelled
from tests.acceptance.workers.fleet import Fleet, FleetMaker
from tests.acceptance.workers.waiting import wait_until


@pytest.fixture(scope="module")
def fleet(make_fleet: FleetMaker) -> Fleet:
    made = make_fleet()
    made.start("one", "two")
    return made


def counts(fleet: Fleet, name: str, *steps: int) -> list[int]:
    return [fleet.ledger.count(f"{name}.{step}", "done") for step in steps]


def test_a_sleeping_one_is_cancelled_by_celerys_revoke_and_undoes_what_it_did(fleet: Fleet) -> None:
    handle = fleet.durable.run("booking-1", "booking", "booking-1")
    fleet.suspended(handle)

    fleet.project.app.control.revoke("booking-1")
    fleet.open("booking-1")

    with pytest.raises(Cancelled):
        handle.result(20)
    fleet.shows("booking-1", "REVOKED")
    assert counts(fleet, "booking-1", 1, 2, 4, 5) == [1, 1, 1, 1]


def test_a_worker_killed_while_it_undoes_leaves_the_rest_to_another(fleet: Fleet) -> None:
    handle = fleet.durable.run("booking-2", "booking", "booking-2")
    fleet.suspended(handle)
    handle.cancel()

    holder = fleet.caught("booking-2", "booking-2.4")
    fleet.workers[holder.worker].kill()
    fleet.open("booking-2")

    with pytest.raises(Cancelled):
        handle.result(20)
    assert counts(fleet, "booking-2", 1, 2, 4, 5) == [1, 1, 1, 1]
    assert fleet.ledger.count("booking-2.4", "start") == 2
    fleet.all_up()


def test_a_tree_is_undone_from_its_leaves(fleet: Fleet) -> None:
    handle = fleet.durable.run("trip-1", "trip", "trip-1")
    wait_until(lambda: fleet.durable.get("trip-1").status == "suspended", 20, "the trip to sleep")
    wait_until(lambda: fleet.durable.get("trip-1.1").status == "suspended", 20, "its child to sleep")

    handle.cancel()
    fleet.caught("trip-1.1", "trip-1.1.4")
    assert counts(fleet, "trip-1", 5, 6) == [0, 0]
    fleet.open("trip-1")

    with pytest.raises(Cancelled):
        handle.result(20)
    last_of_child = fleet.ledger.lines("trip-1.1.5", "done")[0]
    first_of_parent = fleet.ledger.lines("trip-1.5", "start")[0]
    assert last_of_child.at <= first_of_parent.at
    assert fleet.durable.get("trip-1.1").status == "cancelled"
