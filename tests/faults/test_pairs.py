"""Two faults in one history: the second at every call that follows the first, of every kind."""

from __future__ import annotations

import pytest

from tests.faults.histories import KINDS, broken, pairs
from tests.faults.shapes import SHAPES
from tests.simulation.benches import LocalBench
from tests.simulation.faulty import Kind

_BY_NAME = {shape.name: shape for shape in SHAPES}


@pytest.mark.parametrize("name", ["remote", "approval"])
@pytest.mark.parametrize("first", KINDS, ids=lambda kind: kind.name.lower())
def test_an_execution_survives_any_two_faults(name: str, first: Kind) -> None:
    bench, shape = LocalBench(), _BY_NAME[name]

    assert broken(bench, shape, pairs(bench, shape, first)) == []


def test_a_body_that_catches_everything_sees_none_of_two_faults() -> None:
    """After a nap the lease is confirmed before the next step: there, too, the store may fail."""
    bench, shape = LocalBench(), _BY_NAME["catcher"]

    assert broken(bench, shape, pairs(bench, shape, Kind.NAP)) == []
