"""Waiting costs no worker, and being woken costs few attempts."""

from __future__ import annotations

import time

import pytest

from tests.acceptance.workers.fleet import Fleet, FleetMaker


@pytest.fixture(scope="module")
def lonely(make_fleet: FleetMaker) -> Fleet:
    """One worker that does one thing at a time."""
    made = make_fleet()
    made.start("one", concurrency=1)
    return made


def test_one_process_is_enough_for_parents_and_their_children(lonely: Fleet) -> None:
    parents = [lonely.durable.run(f"parent-{number}", "plus_async", number, 1) for number in range(5)]

    assert [parent.result(30) for parent in parents] == [1, 2, 3, 4, 5]


def test_one_process_is_enough_for_recursion_over_remote_children(lonely: Fleet) -> None:
    assert lonely.durable.run("fibonacci", "fibonacci", 7).result(60) == 13


def test_a_parent_of_200_children_is_attempted_a_few_times(lonely: Fleet) -> None:
    handle = lonely.durable.run("total", "total", 200)

    assert handle.result(60) == sum(range(200))
    assert handle.promise().attempt <= 3


def test_no_hint_waits_in_the_memory_of_a_busy_worker(make_fleet: FleetMaker) -> None:
    fleet = make_fleet()
    fleet.start("one", "two", concurrency=2)
    busy = [fleet.durable.run(f"busy-{number}", "walk_plain", 0, "busy", 0) for number in range(3)]
    for handle in busy:
        fleet.caught(handle.id, f"{handle.id}.1")

    began = time.monotonic()
    for number in range(20):
        assert fleet.durable.run(f"quick-{number}", "plus_async", number, 1).result(20) == number + 1
    took = time.monotonic() - began
    fleet.open("busy")

    assert took < 15, "a child takes a tenth of a second here; the sweep had to say it again"
    for handle in busy:
        handle.result(20)
