"""Strikes in a seeded order while every message comes several times and no worker's clock is right."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from durable_celery.dev import EmbeddedRedis
from tests.acceptance.workers.fleet import ROOT, Fleet, Worker
from tests.kills import laws
from tests.kills.load import Load
from tests.kills.shop import multiplied, project
from tests.kills.strikes import KINDS, LEASE_S, Hospital, Kind, Strike

CONCURRENCY = {"prefork": 2, "threads": 4, "solo": 1}
#: Seconds that the wall clock of each worker is off; the store's and the client's are right.
CLOCKS = {"one": "3600", "two": "-3600", "three": "jumping"}
#: How long what is left may take at the end.
END_S = 90.0
#: Attempts without progress until an execution is parked: no streak of strikes is that long.
MAX_ATTEMPTS = 30


@dataclass
class Report:
    """What happened, and every law that was broken."""

    strikes: Counter[str] = field(default_factory=Counter)
    #: Seconds from a strike to the next run of a step that it cut off, by kind.
    takeovers: dict[str, list[float]] = field(default_factory=dict)
    executions: int = 0
    lost: int = 0
    steps: int = 0
    cut: int = 0
    again: int = 0
    broken: list[str] = field(default_factory=list)

    def told(self) -> str:
        strikes = ", ".join(f"{count} {kind}" for kind, count in sorted(self.strikes.items()))
        slow = "; ".join(f"{kind} {percentiles(found)}" for kind, found in sorted(self.takeovers.items()) if found)
        return (
            f"{strikes}: {self.executions} executions, {self.lost} lost, {self.steps} steps, "
            f"{self.cut} runs cut off and repeated, {self.again} recorded steps run again\n"
            f"  from the strike to the next run of the step, p50/p99/most in s: {slow}\n"
            f"  broken laws: {len(self.broken)}"
        )


def percentiles(found: list[float]) -> str:
    row = sorted(found)
    p50, p99 = row[len(row) // 2], row[min(len(row) - 1, round(len(row) * 0.99))]
    return f"{p50:.2f}/{p99:.2f}/{row[-1]:.2f} (of {len(row)})"


@contextmanager
def fleet_of(folder: Path) -> Iterator[Fleet]:
    """Workers to be, with servers of their own."""
    with EmbeddedRedis() as broker, EmbeddedRedis() as store:
        fleet = Fleet(folder, broker.url, store.url, durable_lease=LEASE_S, durable_max_attempts=MAX_ATTEMPTS)
        fleet.app = "tests.kills.shop"
        try:
            yield fleet
        finally:
            fleet.close()


def start(fleet: Fleet, pool: str, clocks: dict[str, str]) -> None:
    """Workers whose clocks are wrong, and whose every message is sent several times."""
    path = f"{Path(__file__).parent / 'clock'}:{ROOT}"
    for name, wrong in clocks.items():
        env = {"PYTHONPATH": path, "WRONG_CLOCK": wrong, "MULTIPLIED": "1"}
        fleet.start(name, pool=pool, concurrency=CONCURRENCY[pool], env=env, wait=False)
    for worker in fleet.workers.values():
        worker.ready()


def struck(
    fleet: Fleet,
    pool: str,
    seed: int,
    strikes: int,
    *,
    clocks: dict[str, str] = CLOCKS,
    kinds: tuple[Kind, ...] = (),
    apart_s: tuple[float, float] = (0.6, 2.0),
    step_s: float = 0.1,
) -> Report:
    """So many strikes: these kinds in turn, or any at random."""
    chance, report, made = random.Random(seed), Report(), []
    start(fleet, pool, clocks)
    durable = project(fleet.broker, fleet.store, **fleet.conf)
    hospital = Hospital(fleet, chance)
    with multiplied():
        load = Load(durable, at_once=3 * CONCURRENCY[pool] * len(clocks), step_s=step_s, seed=seed)
        try:
            for number in range(strikes):
                worker = _next_victim(hospital, chance.uniform(*apart_s))
                kind = kinds[number % len(kinds)] if kinds else chance.choices(list(KINDS), list(KINDS.values()))[0]
                made.append(kind(hospital, worker))
            hospital.discharge()
            stuck = load.finish(END_S)
            report.broken += [load.described(name) for name in stuck]
        finally:
            load.close()
            _sum_up(report, fleet, load, made)
            durable.close()
    return report


def _next_victim(hospital: Hospital, seconds: float) -> Worker:
    """Somebody at work, after so many seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until or not hospital.healthy():
        hospital.tend()
        time.sleep(0.02)
    return hospital.chance.choice(hospital.healthy())


def _sum_up(report: Report, fleet: Fleet, load: Load, strikes: list[Strike]) -> None:
    runs = laws.Runs(fleet.ledger.lines())
    report.strikes = Counter(strike.kind for strike in strikes)
    for strike in strikes:
        for cut in runs.cut_by(strike.pids, strike.at):
            after = runs.after(cut)
            assert after is not None
            report.takeovers.setdefault(strike.kind, []).append(after.at - strike.at)
    report.executions, report.steps, report.cut = len(load.results), len(runs.started), runs.repeated
    report.lost = len(load.started) - len(load.results)
    report.again = len(laws.no_recorded_step_runs_again(runs, load.results))
    report.broken += load.errors + laws.broken(runs, load.results)
