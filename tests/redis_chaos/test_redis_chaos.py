"""One of each fault; `python -m tests.redis_chaos` has many, in other orders."""

from __future__ import annotations

import pytest

from tests.redis_chaos import laws
from tests.redis_chaos.faults import HARMLESS
from tests.redis_chaos.story import with_always, with_power_cuts
from tests.redis_chaos.workload import Ledger


def test_nothing_that_was_acknowledged_is_lost_whatever_is_done_to_redis() -> None:
    report = with_always(1, len(HARMLESS), between_s=0.2)

    assert report.broken == []
    assert report.faults == {fault.__name__: 1 for fault in HARMLESS}
    assert report.executions > 20
    assert report.refused > 0


@pytest.mark.parametrize("seed", [1])
def test_a_lost_tail_is_noticed_and_nothing_is_stuck_or_held_twice(seed: int) -> None:
    report = with_power_cuts(seed, 2, tail_s=(0.2, 0.4))

    assert report.broken == []
    assert report.lost_changes > 100
    assert report.rollbacks >= 2


def test_each_law_can_be_broken() -> None:
    ledger = Ledger(results={"x1": [1, 2, 3, 4]})
    ledger.writes["x1"] = [(0, 10, "1:a"), (0, 11, "2:b"), (0, 12, "1:a")]
    ledger.runs["x1", "first"] = [(1, 1), (5, 5)]
    ledger.recorded["x1", "first"] = [(2, 9)]

    assert laws.nothing_is_held_twice(ledger) == ["x1 was written by ['1:a', '2:b', '1:a'] in turn after restart 0"]
    assert laws.no_recorded_step_runs_again(ledger) == ["step first of x1 was recorded and ran again"]
    assert "x1 says 1 for first, recorded was 9" in laws.results_are_what_was_recorded(ledger)
