"""The protocol holds in every state that its models can get into, with so many faults in every order."""

from __future__ import annotations

import pytest

from tests.docs.blocks import ROOT
from tests.model.bounds import BOUNDS, Bound, row
from tests.model.chains import CROSSING, Chains
from tests.model.explorer import NO_DEADLOCK, WITHIN_REACH, explore
from tests.model.faults import Faults
from tests.model.slots import Slots

PAGE = (ROOT / "docs" / "protocol.md").read_text().splitlines()


@pytest.mark.parametrize("bound", BOUNDS, ids=str)
def test_every_property_holds_in_every_state(bound: Bound) -> None:
    report = explore(bound.make())

    assert report.broken == {}
    assert report.states > bound.floor, "the model is not explored as far as it was"
    assert row(bound, report) in PAGE, "docs/protocol.md shows other figures: python -m tests.model prints them"


def test_two_chains_that_cross_wait_until_somebody_cancels_one() -> None:
    """No chain comes back to itself here, so none is refused; a deadline or a cancellation has to end it."""
    assert set(explore(Chains(CROSSING, Faults())).broken) == {NO_DEADLOCK, WITHIN_REACH}
    assert explore(Chains(CROSSING, Faults(), rescued=True)).broken == {}


def test_a_call_that_nobody_waits_for_can_be_lost_with_the_tail_of_its_partition() -> None:
    """Acknowledged, taken out of the outbox, and then forgotten by the one that acknowledged it."""
    trace = explore(Slots(Faults(rollbacks=1), strict=True)).broken[WITHIN_REACH]

    assert trace[-1] == "rollback of b"
    assert "ack send arrives" in trace
