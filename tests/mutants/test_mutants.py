"""The tests find defects: some of the catalogue at each run, all of it with `python -m tests.mutants`."""

from __future__ import annotations

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import Mutant

#: One in eight: of every file some, and few enough for every run.
SAMPLE = MUTANTS[::8]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_changes_one_place(mutant: Mutant) -> None:
    assert mutant.source().count(mutant.before) == 1
    assert mutant.before != mutant.after


def test_no_two_are_the_same() -> None:
    assert len({(mutant.file, mutant.before, mutant.after) for mutant in MUTANTS}) == len(MUTANTS) >= 25


@pytest.mark.parametrize("mutant", SAMPLE, ids=lambda mutant: mutant.name)
def test_its_test_finds_it(mutant: Mutant) -> None:
    assert not mutant.survives(), f"{mutant.killed_by} passes with this defect: {mutant.name}"
