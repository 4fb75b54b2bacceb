"""Each trouble once; `python -m tests.network` has many, in other orders, and ones that outlast a lease."""

from __future__ import annotations

from pathlib import Path

from tests.network.story import TROUBLES, disturbed, net_of


def test_every_execution_ends_rightly_and_no_recorded_step_runs_again_whatever_the_network_does(tmp_path: Path) -> None:
    with net_of(tmp_path, seed=1) as net:
        report = disturbed(net, 1, len(TROUBLES), troubles=TROUBLES, lasting_s=(0.1, 0.3), calm_s=(0.05, 0.15))

    assert report.broken == []
    assert report.executions >= 8
    assert set(report.met) == set(TROUBLES)
