"""The stories: faults in a seeded order, and the laws after each of them."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

from durable_celery.dev import EmbeddedRedis
from tests.redis_chaos import laws
from tests.redis_chaos.faults import HARMLESS, Fault, cut_power
from tests.redis_chaos.workload import PATIENCE_S, Workload

#: How long executions that are left may take at the end: several leases and sweeps.
END_S = 30.0


@dataclass
class Report:
    """What happened, and every law that was broken."""

    broken: list[str] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    executions: int = 0
    steps: int = 0
    repeated: int = 0
    refused: int = 0
    rollbacks: int = 0
    lost_changes: int = 0
    lost_executions: int = 0

    def met(self, fault: str) -> None:
        self.faults[fault] = self.faults.get(fault, 0) + 1

    def told(self) -> str:
        faults = ", ".join(f"{count} {name}" for name, count in self.faults.items())
        return (
            f"{faults}: {self.executions} executions, {self.steps} steps recorded, {self.repeated} runs repeated, "
            f"{self.refused} calls refused; {self.lost_changes} changes and {self.lost_executions} executions lost, "
            f"{self.rollbacks} times noticed; broken laws: {len(self.broken)}"
        )


def with_always(seed: int, faults: int, *, only: tuple[Fault, ...] = HARMLESS, between_s: float = 0.5) -> Report:
    """Nothing that Redis acknowledged may be lost by any of the faults."""
    chance, report = random.Random(seed), Report()
    with EmbeddedRedis(appendfsync="always") as server:
        load = Workload(server.url, durability="strict")
        try:
            for number in range(faults):
                time.sleep(chance.uniform(0.3, 1) * between_s)
                fault = only[number % len(only)] if faults <= len(only) else chance.choice(only)
                fault(server, load, chance)
                report.met(fault.__name__)
                with load.paused():
                    report.broken += laws.nothing_acknowledged_is_lost(load)
            stuck = load.finish(END_S)
            report.broken += [f"{name} never ended" for name in sorted(stuck)]
            report.broken += laws.no_recorded_step_runs_again(load.ledger)
            report.broken += [f"{name} was accepted and was unknown" for name in sorted(load.unknown)]
            if load.rollbacks:
                report.broken.append("a rollback was reported, and there was none")
            _sum_up(report, load)
        finally:
            load.close()
    return report


def with_power_cuts(seed: int, cuts: int, *, tail_s: tuple[float, float] = (0.3, 2.0)) -> Report:
    """The tail is lost: that is noticed, nothing is stuck, nothing is held twice."""
    chance, report = random.Random(seed), Report()
    with EmbeddedRedis(appendfsync="everysec") as server:
        load = Workload(server.url)
        try:
            for _ in range(cuts):
                time.sleep(chance.uniform(0.2, 0.6))
                noticed = load.rollbacks
                seen, left = cut_power(server, load, chance.uniform(*tail_s))
                report.met("cut_power")
                report.lost_changes += max(seen - left, 0)
                if not _noticed(load, noticed):
                    report.broken.append(f"the store went from {seen} back to {left}, and nobody noticed")
                with load.paused():
                    gone = laws.unknown(load)
                    report.lost_executions += len(gone)
                    load.forget(gone)
            load.finish(END_S)
            load.reopen()
            stuck = load.finish(END_S)
            report.broken += [f"{name} never ended" for name in sorted(stuck)]
            _sum_up(report, load)
        finally:
            load.close()
    return report


def _noticed(load: Workload, before: int) -> bool:
    """Whether somebody reports the rollback, given the time of a sweep or two."""
    until = time.monotonic() + 3 * PATIENCE_S
    while load.rollbacks == before and time.monotonic() < until:
        time.sleep(0.01)
    return load.rollbacks > before


def _sum_up(report: Report, load: Workload) -> None:
    ledger = load.ledger
    report.broken += load.errors
    report.lost_executions += len(load.unknown)
    report.broken += laws.results_are_what_was_recorded(ledger)
    report.broken += laws.nothing_is_held_twice(ledger)
    report.executions, report.refused = len(ledger.results), ledger.refused
    report.steps, report.rollbacks = len(ledger.recorded), load.rollbacks
    report.repeated = sum(len(runs) - 1 for runs in ledger.runs.values())
