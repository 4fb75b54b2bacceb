"""Messages that come five times or not at all, and a wrong clock; `python -m tests.kills` has kills as well."""

from __future__ import annotations

from pathlib import Path

from tests.kills.story import fleet_of, struck
from tests.kills.strikes import empty_broker, flush_scripts


def test_messages_that_come_often_or_not_at_all_and_clocks_that_are_wrong_change_nothing(tmp_path: Path) -> None:
    kinds, clocks = (empty_broker, flush_scripts), {"one": "jumping"}
    with fleet_of(tmp_path) as fleet:
        report = struck(fleet, "threads", 1, 2, clocks=clocks, kinds=kinds, apart_s=(0.3, 0.5), step_s=0.02)

    assert report.broken == []
    assert (report.lost, report.cut, report.again) == (0, 0, 0)
    assert report.executions >= 8
