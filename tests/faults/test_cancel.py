"""An execution cancelled at every point of its life."""

from __future__ import annotations

import pytest

from durable_celery.promise import State
from tests.faults.histories import calls_of
from tests.faults.shapes import SHAPES
from tests.simulation.benches import Bench
from tests.simulation.faulty import Kind
from tests.simulation.world import ROOT, Shape, World


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", [Kind.CANCEL_BEFORE, Kind.CANCEL_AFTER], ids=lambda kind: kind.name.lower())
def test_a_cancelled_execution_stays_so_with_all_below_it(bench: Bench, shape: Shape, kind: Kind) -> None:
    """No step begins after it: the world checks that only a holder starts one, and nobody holds it any more."""
    for number in range(1, calls_of(bench, shape) - 1):
        world = World(bench, shape, {number: kind}).play()

        assert world.promise().state is State.CANCELED, number
        below = {promise_id: row.promise.state for promise_id, row in world.seen.rows.items() if promise_id != ROOT}
        assert all(state.settled for state in below.values()), (number, below)
        assert not world.seen.ready, number
        assert not world.seen.lease, number


FOLLOWING = (Kind.CRASH_BEFORE, Kind.CRASH_AFTER, Kind.REPLY_LOST, Kind.FREEZE)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("then", [None, *FOLLOWING], ids=lambda kind: kind.name.lower() if kind else "nothing")
def test_with_a_grace_it_ends_cancelled_or_as_it_would_have_whatever_happens_on_the_way(
    bench: Bench, shape: Shape, then: Kind | None
) -> None:
    """It may have been done already when it was asked for, or catch what it is told; nothing is left behind."""
    endings = {State.CANCELED, shape.state}
    for number in range(1, calls_of(bench, shape)):
        for distance in (2, 4) if then else (0,):  # the cancellation itself is the first
            plan = {number: Kind.CANCEL_GENTLY} | ({number + distance: then} if then else {})
            world = World(bench, shape, plan).play()

            at = (number, distance)
            assert world.promise().state in endings, at
            below = {each: row.promise.state for each, row in world.seen.rows.items() if each != ROOT}
            assert all(state.settled for state in below.values()), (at, below)
            assert not world.seen.ready, at
            assert not world.seen.lease, at
