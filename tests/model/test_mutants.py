"""Would the models notice? Every rule left out is found, and by the property that it is there for."""

from __future__ import annotations

import pytest

from tests.model import chains, executions, objects, slots
from tests.model.bounds import BOUNDS, MUTANTS, Found
from tests.model.explorer import explore

RULES = [*executions.Mutant, *objects.Mutant, *chains.Mutant, *slots.Mutant]


@pytest.mark.parametrize("found", MUTANTS, ids=str)
def test_a_rule_left_out_is_found(found: Found) -> None:
    assert found.by in explore(found.make(found.mutant), stop_at=found.by).broken


@pytest.mark.parametrize("found", MUTANTS, ids=str)
def test_with_the_rule_the_same_model_is_sound(found: Found) -> None:
    assert explore(found.make(None)).broken == {}


def test_every_rule_is_left_out_once() -> None:
    assert {found.mutant for found in MUTANTS} == set(RULES)


def test_every_law_is_broken_by_a_mutant() -> None:
    laws = {(type(model), law) for model in (bound.make() for bound in BOUNDS) for law in model.laws}

    assert laws <= {(type(found.make(None)), found.by) for found in MUTANTS}
