"""One of each fault; `python -m tests.redis_chaos` has many, in other orders."""

from __future__ import annotations

import pytest

from tests.redis_chaos.faults import HARMLESS
from tests.redis_chaos.story import with_always, with_power_cuts


def test_nothing_that_was_acknowledged_is_lost_whatever_is_done_to_redis() -> None:
    report = with_always(1, len(HARMLESS), between_s=0.2)

    assert report.broken == []
    assert report.faults == {fault.__name__: 1 for fault in HARMLESS}
    assert report.executions > 20
    assert report.refused > 0


@pytest.mark.parametrize("seed", [1])
def test_a_lost_tail_is_noticed_and_nothing_is_stuck_or_held_twice(seed: int) -> None:
    report = with_power_cuts(seed, 2, tail_s=(0.3, 0.6))

    assert report.broken == []
    assert report.lost_changes > 100
    assert report.rollbacks >= 2
