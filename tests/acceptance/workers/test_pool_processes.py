"""Prefork: a pool process dies alone, or is told to end, while its worker lives or shuts down."""

from __future__ import annotations

import os
import signal
import time

import pytest

from durable_celery import Cancelled
from tests.acceptance.workers.fleet import Fleet, FleetMaker, hostname
from tests.acceptance.workers.waiting import wait_until
from tests.acceptance.workers.walks import EXIT_S, HANDED_OVER_S, KILLED_S, caught, measured

#: Counted from just before the signal to the line of the next start in the ledger.
CHILD_KILLED_S = 0.2


@pytest.fixture(scope="module")
def fleet(make_fleet: FleetMaker) -> Fleet:
    made = make_fleet()
    made.start("one", "two")
    return made


@pytest.fixture(autouse=True)
def all_up(fleet: Fleet) -> None:
    """Start again what a test killed."""
    fleet.all_up()


def test_after_kill_9_of_a_pool_process_it_goes_on_at_once(fleet: Fleet) -> None:
    def take() -> float:
        walk = caught(fleet)
        assert walk.holder.pid != walk.holder.main
        killed_at = time.time()
        os.kill(walk.holder.pid, signal.SIGKILL)
        taken_over = fleet.started_after(walk.id, killed_at)
        walk.finish()
        assert walk.repeated() == {walk.cut}
        assert walk.worker.alive
        return taken_over.at - killed_at

    measured(fleet, CHILD_KILLED_S, take)


def test_a_pool_process_told_to_end_has_not_failed_its_step(fleet: Fleet) -> None:
    """As when a service manager sends SIGTERM to every process of a worker."""
    walk = caught(fleet)
    told_at = time.time()

    os.kill(walk.holder.pid, signal.SIGTERM)
    fleet.started_after(walk.id, told_at)

    walk.finish()
    assert walk.repeated() == {walk.cut}


def test_a_running_one_that_is_revoked_and_terminated_is_cancelled(fleet: Fleet) -> None:
    walk = caught(fleet)

    fleet.project.app.control.revoke(walk.id, terminate=True)

    with pytest.raises(Cancelled):
        walk.handle.result(20)
    fleet.shows(walk.id, "REVOKED")
    assert walk.fleet.ledger.count(f"{walk.id}.4", "start") == 0


def test_a_remote_shutdown_hands_over_as_sigterm_does(fleet: Fleet) -> None:
    def take() -> float:
        walk = caught(fleet)
        walk.worker.leaving = True
        fleet.project.app.control.shutdown(destination=[hostname(walk.worker.name)])
        wait_until(lambda: walk.worker.says("handed over at their next checkpoint"), 10, "the worker to notice")
        walk.finish()
        assert walk.worker.ended(EXIT_S) == 0
        return walk.handed_over_after()

    measured(fleet, HANDED_OVER_S, take)


def test_after_a_cold_shutdown_another_goes_on_within_a_second(fleet: Fleet) -> None:
    def take() -> float:
        walk = caught(fleet)
        asked_at = time.time()
        walk.worker.shut_down(signal.SIGQUIT)
        taken_over = fleet.started_after(walk.id, asked_at)
        walk.finish()
        assert walk.repeated() == {walk.cut}
        walk.worker.ended(EXIT_S)
        return taken_over.at - asked_at

    measured(fleet, KILLED_S, take)
