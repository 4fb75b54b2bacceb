"""An execution cancelled at every point of its life."""

from __future__ import annotations

import pytest

from durable_celery.promise import State
from tests.faults.shapes import SHAPES
from tests.simulation.benches import Bench
from tests.simulation.faulty import Kind
from tests.simulation.world import ROOT, Shape, World


class Watch:
    """A plan without faults that notes the last call made before the root was settled; children may outlive it."""

    last = 0

    def last_before_the_end(self, bench: Bench, shape: Shape) -> int:
        self.world = World(bench, shape, self)
        self.world.play()
        return self.last

    def get(self, number: int, call: str) -> None:
        root = self.world.seen.rows.get(ROOT)
        if root is None or not root.promise.state.settled:
            self.last = number


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", [Kind.CANCEL_BEFORE, Kind.CANCEL_AFTER], ids=lambda kind: kind.name.lower())
def test_a_cancelled_execution_stays_so_with_all_below_it(bench: Bench, shape: Shape, kind: Kind) -> None:
    """No step begins after it: the world checks that only a holder starts one, and nobody holds it any more."""
    for number in range(1, Watch().last_before_the_end(bench, shape)):
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
    for number in range(1, Watch().last_before_the_end(bench, shape)):
        for distance in (2, 4) if then else (0,):  # the cancellation itself is the first
            plan = {number: Kind.CANCEL_GENTLY} | ({number + distance: then} if then else {})
            world = World(bench, shape, plan).play()

            at = (number, distance)
            assert world.promise().state in endings, at
            below = {each: row.promise.state for each, row in world.seen.rows.items() if each != ROOT}
            assert all(state.settled for state in below.values()), (at, below)
            assert not world.seen.ready, at
            assert not world.seen.lease, at
