"""A deployment, once; `python -m tests.rolling` has many, on each pool, and between two commits."""

from __future__ import annotations

from pathlib import Path

from tests.rolling.story import fleet_of, upgraded


def test_a_deployment_of_another_version_under_load_repeats_and_loses_nothing(tmp_path: Path) -> None:
    with fleet_of(tmp_path) as fleet:
        report = upgraded(fleet)

    assert report.broken == []
    assert len(report.gone_after_s) == 2
    assert report.executions > 20
