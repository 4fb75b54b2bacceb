"""One fault at every call to the store, of every kind, in every shape, on both stores."""

from __future__ import annotations

import pytest

from tests.faults.histories import KINDS, broken, calls_of, singles
from tests.faults.shapes import SHAPES
from tests.simulation.benches import Bench
from tests.simulation.faulty import Kind
from tests.simulation.world import Shape


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name.lower())
def test_an_execution_survives_a_fault_at_any_call(bench: Bench, shape: Shape, kind: Kind) -> None:
    assert broken(bench, shape, singles(calls_of(bench, shape), [kind])) == []
