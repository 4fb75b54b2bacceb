"""The story of a deployment: who was told to stop is gone soon and in good order, and no step runs twice."""

from __future__ import annotations

import itertools
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from durable_celery import Handle
from durable_celery.dev import EmbeddedRedis
from tests.acceptance.workers.fleet import ROOT, Fleet, Worker
from tests.acceptance.workers.proj import errand_2
from tests.acceptance.workers.waiting import wait_until

#: A worker that was told to stop is gone within so many seconds.
GONE_S = 15.0
_STEP_S = 0.05
CONCURRENCY = {"prefork": 3, "threads": 6}


@dataclass
class Report:
    """What happened, and every law that was broken."""

    broken: list[str] = field(default_factory=list)
    gone_after_s: list[float] = field(default_factory=list)
    executions: int = 0
    steps: int = 0

    def told(self) -> str:
        return (
            f"{len(self.gone_after_s)} times SIGTERM, gone after {max(self.gone_after_s, default=0):.1f} s at most; "
            f"{self.executions} executions, {self.steps} steps; broken laws: {len(self.broken)}"
        )


class Load:
    """Executions, as many at once as there are hands."""

    def __init__(self, fleet: Fleet, at_once: int) -> None:
        self.handles: list[Handle[Any]] = []
        self._fleet = fleet
        self._at_once = at_once
        self._over = threading.Event()
        self._number = itertools.count()
        self._thread = threading.Thread(target=self._go, daemon=True)

    def __enter__(self) -> Self:
        self._fleet.open("open")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)

    def _go(self) -> None:
        running: list[Handle[Any]] = []
        while not self._over.is_set():
            running = [handle for handle in running if not handle.done()]
            for _ in range(self._at_once - len(running)):
                running.append(self._start(next(self._number)))
            self._over.wait(0.05)

    def _start(self, number: int) -> Handle[Any]:
        run = self._fleet.durable.run
        made: Handle[Any] = (
            run(f"w{number}", "walk_plain", 4, "open", 4) if number % 2 else run(f"e{number}", "errand", _STEP_S)
        )
        self.handles.append(made)
        return made


@contextmanager
def fleet_of(folder: Path) -> Iterator[Fleet]:
    """Workers to be, with servers of their own."""
    with EmbeddedRedis() as broker, EmbeddedRedis() as store:
        fleet = Fleet(folder, broker.url, store.url)
        try:
            yield fleet
        finally:
            fleet.close()


def rolled(fleet: Fleet, pool: str, stops: int, seed: int) -> Report:
    """Two workers, told to stop in turn while both are busy."""
    chance, report = random.Random(seed), Report()
    fleet.start("one", "two", pool=pool, concurrency=CONCURRENCY[pool])
    with Load(fleet, 4 * CONCURRENCY[pool]) as load:
        for stop in range(stops):
            worker = fleet.workers[("one", "two")[stop % 2]]
            _busy(fleet, worker)
            time.sleep(chance.uniform(0, 0.3))
            _stop(worker, report)
            worker.again().ready()
    judge(fleet, load.handles, report)
    return report


@dataclass(frozen=True, slots=True)
class Version:
    """What workers are made of: where they stand, and where Python finds the package and the application."""

    root: Path = ROOT
    path: str = str(ROOT)


def upgraded(fleet: Fleet, old: Version = Version(), young: Version = Version()) -> Report:
    """Two workers of the old version, one of them replaced by a new one while both are at work, then the other.

    The new one also has another version of a function, of which executions are begun while the old one is there.
    """
    report, name = Report(), "errand"
    one, two = fleet.start("one", "two", pool="prefork", concurrency=2, root=old.root, env={"PYTHONPATH": old.path})
    new = fleet.durable.register(errand_2, name=name, version=2)
    with Load(fleet, 8) as load:
        _busy(fleet, one)
        _stop(one, report)
        one.root, one.env = young.root, {**one.env, "PYTHONPATH": young.path, "NEWER": "1"}
        one.again().ready()
        load.handles += [new.run(f"n{number}", _STEP_S) for number in range(6)]
        _busy(fleet, two)
        _stop(two, report)
    judge(fleet, load.handles, report)
    return report


def _busy(fleet: Fleet, worker: Worker) -> None:
    """Wait until it has begun something since now."""
    now = time.time()
    own = f":{worker.pid}:"

    def holds() -> bool:
        held = [fleet.redis.hget(f"dc:{{0}}:r:{each}", "w") for each in fleet.redis.zrange("dc:{0}:lease", 0, -1)]
        return any(own in str(each) for each in held)

    wait_until(holds, 20, f"{worker.name} to be busy after {now}")


def _stop(worker: Worker, report: Report) -> None:
    told_at = time.monotonic()
    worker.shut_down(signal.SIGTERM)
    code = worker.ended(60)
    report.gone_after_s.append(time.monotonic() - told_at)
    if code != 0 or report.gone_after_s[-1] > GONE_S:
        report.broken.append(f"{worker.name} ended with {code} after {report.gone_after_s[-1]:.1f} s")


def judge(fleet: Fleet, handles: list[Handle[Any]], report: Report) -> None:
    """Everything ends, and each step ran exactly once."""
    results = {handle.id: handle.result(60) for handle in handles}
    lines = fleet.ledger.lines(event="start")
    runs: dict[str, list[str]] = {name: [] for name in results}
    for line in lines:
        runs[line.id.partition(".")[0]].append(line.run)
    for handle in handles:
        value = results[handle.id]
        if (list(value.values()) if isinstance(value, dict) else value) != runs[handle.id]:
            report.broken.append(f"{handle.id} says {value}, its steps ran as {runs[handle.id]}")
        if crashes := handle.promise().crashes:
            report.broken.append(f"{handle.id} counts {crashes} crashes")
    starts = Counter(line.id for line in lines)
    report.broken += [f"{step} ran {times} times" for step, times in starts.items() if times > 1]
    report.executions, report.steps = len(handles), len(starts)
