"""A worker that holds an execution is killed, terminated or frozen; another one goes on after the last checkpoint.

The same story on every pool. Times are this machine's clock, from the signal
to the line of the next start in the ledger.
"""

from __future__ import annotations

import signal
import time

import pytest

from tests.acceptance.workers.fleet import Fleet, FleetMaker
from tests.acceptance.workers.waiting import wait_until
from tests.acceptance.workers.walks import EXIT_S, HANDED_OVER_S, KILLED_S, STYLES, Walk, caught, measured

LEASE_S = 2.0
CONCURRENCY = {"prefork": 2, "threads": 4, "gevent": 10, "solo": 1}


@pytest.fixture(scope="module", params=list(CONCURRENCY))
def fleet(request: pytest.FixtureRequest, make_fleet: FleetMaker) -> Fleet:
    made = make_fleet(durable_lease=LEASE_S)
    made.start("one", "two", pool=request.param, concurrency=CONCURRENCY[request.param])
    return made


@pytest.fixture(autouse=True)
def all_up(fleet: Fleet) -> None:
    """Start again what a test killed."""
    fleet.all_up()


@pytest.mark.parametrize("style", STYLES)
def test_after_kill_9_of_a_worker_another_goes_on_within_a_second(fleet: Fleet, style: str) -> None:
    def take() -> float:
        walk = caught(fleet, style)
        killed_at = time.time()
        walk.worker.kill()
        taken_over = fleet.started_after(walk.id, killed_at)
        walk.finish()
        assert taken_over.id == walk.cut
        assert taken_over.pid != walk.holder.pid
        assert walk.repeated() == {walk.cut}
        return taken_over.at - killed_at

    measured(fleet, KILLED_S, take)


def test_sigterm_hands_over_at_the_next_checkpoint_and_repeats_nothing(fleet: Fleet) -> None:
    def take() -> float:
        walk = caught(fleet)
        walk.worker.shut_down(signal.SIGTERM)
        wait_until(lambda: walk.worker.says("Warm shutdown"), 10, "the worker to notice")
        walk.finish()
        assert walk.worker.ended(EXIT_S) == 0
        assert walk.handle.promise().crashes == 0
        return walk.handed_over_after()

    measured(fleet, HANDED_OVER_S, take)


def test_a_frozen_worker_loses_its_lease_and_then_writes_nothing(fleet: Fleet) -> None:
    """Its connections stay open, so presence cannot tell; the lease can."""

    def take() -> float:
        walk = caught(fleet)
        frozen_at = time.time()
        walk.worker.freeze()
        taken_over = fleet.started_after(walk.id, frozen_at)
        assert taken_over.id == walk.cut
        assert taken_over.pid != walk.holder.pid

        walk.worker.thaw()  # now both are in the middle of the same step
        walk.finish()
        recorded = journal(walk)
        wait_until(lambda: has_ended_its_step(walk), 20, "the stale worker to end its step")
        wait_until(lambda: walk.worker.says(f"{walk.id} is no longer held here"), 20, "the stale worker to give up")
        assert journal(walk) == recorded
        assert walk.started_by(walk.holder.pid) == [f"{walk.id}.{number}" for number in (1, 2, 3)]
        assert walk.repeated() == {walk.cut}
        return taken_over.at - frozen_at

    measured(fleet, LEASE_S + 1.0, take)


def has_ended_its_step(walk: Walk) -> bool:
    return any(line.pid == walk.holder.pid for line in walk.fleet.ledger.lines(walk.cut, "done"))


def journal(walk: Walk) -> dict[str, str]:
    found: dict[str, str] = walk.fleet.durable.store.read(walk.id)[1]
    return found
