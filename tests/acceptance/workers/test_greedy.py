"""A step that lets nothing else of its process run, and one that eats all memory: others are not harmed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from durable_celery import Durable, Parked
from tests.acceptance.workers.fleet import Fleet, FleetMaker
from tests.acceptance.workers.greedy import LEASE_S, build
from tests.acceptance.workers.waiting import wait_until

MAX_ATTEMPTS = 3


@pytest.fixture(scope="module")
def fleet(make_fleet: FleetMaker) -> Fleet:
    made = make_fleet(durable_lease=LEASE_S, durable_max_attempts=MAX_ATTEMPTS)
    made.app = "tests.acceptance.workers.greedy"
    made.start("one", "two", concurrency=3)
    return made


@pytest.fixture(scope="module")
def durable(fleet: Fleet) -> Iterator[Durable]:
    made = build(fleet.broker, fleet.store, **fleet.conf)
    yield made
    made.close()


def test_who_held_the_interpreter_for_six_leases_is_fenced_off_and_the_next_goes_on(
    fleet: Fleet, durable: Durable
) -> None:
    handle = durable.run("once", "grips", "once")
    always = durable.run("always", "grips", "")

    value = handle.result(20)

    first, *_ = fleet.ledger.lines("once.1", "start")
    wait_until(lambda: any(line.run == first.run for line in fleet.ledger.lines("once.1", "done")), 20, "its end")
    assert value[0] > int(first.run), "what the first one did at last was not recorded"
    assert fleet.ledger.count("once.2", "start") == 1, "and it did nothing more"
    assert handle.result(1) == value
    with pytest.raises(Parked, match=rf"{MAX_ATTEMPTS} attempts in a row ended without progress"):
        always.result(30)
    assert fleet.ledger.count("always.1", "start") <= MAX_ATTEMPTS


def test_a_step_for_which_there_is_no_memory_has_failed_and_its_process_lives(fleet: Fleet, durable: Durable) -> None:
    with pytest.raises(MemoryError):
        durable.run("hungry", "eats").result(20)

    assert fleet.ledger.count("hungry.1", "start") == 1
    assert all(worker.alive for worker in fleet.workers.values())
    assert durable.run("after", "grips", "once").result(20)
