"""What must hold whatever was done to the workers, told by ledger and results; each broken one is a sentence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from tests.acceptance.workers.ledger import Line


class Runs:
    """Every run of every step, in the order in which they started."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.started: dict[str, list[Line]] = defaultdict(list)
        self.done: dict[str, float] = {}
        for line in lines:
            if line.event == "start":
                self.started[line.id].append(line)
            elif line.event == "done":
                self.done[line.run] = line.at

    @property
    def repeated(self) -> int:
        """Runs beyond the first of their step: what a fault cut off, or did not let be recorded."""
        return sum(len(runs) - 1 for runs in self.started.values())

    def after(self, run: Line) -> Line | None:
        """The first run of the same step in a later attempt."""
        return next((each for each in self.started[run.id] if each.value > run.value), None)

    def cut_by(self, pids: Iterable[int], at: float) -> list[Line]:
        """Runs at work in these processes at that time, which somebody took over later."""
        ours = set(pids)
        every = [run for runs in self.started.values() for run in runs if run.pid in ours and run.at < at]
        return [run for run in every if self.done.get(run.run, at) >= at and self.after(run) is not None]


def results_are_of_runs_that_ended(runs: Runs, results: dict[str, dict[str, Any]]) -> list[str]:
    wrong = []
    for name, recorded in _recorded(results):
        if recorded not in {run.run for run in runs.started[name]} or recorded not in runs.done:
            wrong.append(f"{name} is said to be run {recorded}, which no step was")
    return wrong


def no_recorded_step_runs_again(runs: Runs, results: dict[str, dict[str, Any]]) -> list[str]:
    """An attempt that came after the one which recorded a step has it in its journal; the same has it in memory.

    One that came before, and does not know yet that it is over, may begin one more step: it is not recorded.
    """
    wrong = []
    for name, recorded in _recorded(results):
        attempts = {run.run: run.value for run in runs.started[name]}
        last = attempts.pop(recorded, 0)
        wrong += [
            f"{name} was recorded in attempt {last} and ran again in attempt {again}"
            for again in attempts.values()
            if again >= last
        ]
    return wrong


def no_attempt_runs_a_step_twice(runs: Runs) -> list[str]:
    wrong = []
    for name, started in runs.started.items():
        attempts = [run.value for run in started]
        if len(set(attempts)) != len(attempts):
            wrong.append(f"{name} ran in attempts {attempts}")
    return wrong


def every_sale_counts_once(results: dict[str, dict[str, Any]]) -> list[str]:
    sums = sorted(result["sum"] for result in results.values() if "sum" in result)
    return [] if sums == list(range(1, len(sums) + 1)) else [f"the sums of {len(sums)} sales are {sums}"]


def broken(runs: Runs, results: dict[str, dict[str, Any]]) -> list[str]:
    return [
        *results_are_of_runs_that_ended(runs, results),
        *no_recorded_step_runs_again(runs, results),
        *no_attempt_runs_a_step_twice(runs),
        *every_sale_counts_once(results),
    ]


def _recorded(results: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """Each step and the run that its result is of."""
    return [(name, run) for result in results.values() for name, run in result.items() if name != "sum"]
