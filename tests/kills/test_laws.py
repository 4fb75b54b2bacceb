"""Each law can be broken; `python -m tests.kills` holds real workers against them."""

from __future__ import annotations

from tests.acceptance.workers.ledger import Line
from tests.kills import laws


def runs(*lines: tuple[str, int, str]) -> laws.Runs:
    """Runs of the step x.1: their names, the attempts they are in, and whether they ended."""
    told = [
        Line("x.1", event, pid=attempt, at=float(at), run=name, value=attempt)
        for at, (name, attempt, how) in enumerate(lines)
        for event in ("start", how)
    ]
    return laws.Runs(told)


def test_what_a_kill_cut_off_is_run_again_and_breaks_no_law() -> None:
    found = runs(("a", 1, ""), ("b", 2, "done"))

    assert laws.broken(found, {"x": {"x.1": "b"}}) == []
    assert found.repeated == 1
    (cut,) = found.cut_by([1], 0.5)
    after = found.after(cut)
    assert after is not None
    assert after.run == "b"


def test_one_that_does_not_know_that_it_is_over_may_begin_a_step_that_is_not_recorded() -> None:
    assert laws.broken(runs(("b", 2, "done"), ("a", 1, "done")), {"x": {"x.1": "b"}}) == []


def test_each_law_can_be_broken() -> None:
    again = runs(("a", 1, "done"), ("b", 2, "done"))

    assert laws.broken(again, {"x": {"x.1": "a"}}) == ["x.1 was recorded in attempt 1 and ran again in attempt 2"]
    assert laws.broken(again, {"x": {"x.1": "c"}})[0] == "x.1 is said to be run c, which no step was"
    assert "x.1 ran in attempts [1, 1]" in laws.broken(runs(("a", 1, "done"), ("b", 1, "done")), {})
    assert laws.broken(runs(), {"x": {"sum": 1}, "y": {"sum": 1}}) == ["the sums of 2 sales are [1, 1]"]
