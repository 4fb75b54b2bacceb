"""A walk caught in the middle: two steps are recorded, the third is at work, held there by a gate."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from durable_celery import Handle
from tests.acceptance.workers.fleet import Fleet, Holder, Worker

STYLES = ("walk_plain", "walk_generator", "walk_async")
#: Other programs may keep this machine busy, and a promise in seconds is about what the machinery can do:
#: the best of so many measurements counts. What does not depend on time must hold in each.
MEASUREMENTS = 3
#: A warm shutdown of Celery's prefork pool may linger for half a minute.
EXIT_S = 45.0
#: Another worker goes on so many seconds after this one was killed, or after it ended its last step.
KILLED_S, HANDED_OVER_S = 1.0, 1.0

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Walk:
    """An execution caught in its third step, and who had it then."""

    fleet: Fleet
    handle: Handle[list[str]]
    holder: Holder

    @property
    def id(self) -> str:
        return self.handle.id

    @property
    def cut(self) -> str:
        """The step that was at work."""
        return f"{self.id}.3"

    @property
    def worker(self) -> Worker:
        return self.fleet.workers[self.holder.worker]

    def finish(self) -> None:
        """Let it end. What it recorded of each step is its last run: none was run again after it was recorded."""
        self.fleet.open(self.id)
        runs = self.handle.result(30)
        assert list(self.fleet.ledger.last_runs(self.id).values()) == runs
        assert len(runs) == 5

    def repeated(self) -> set[str]:
        return self.fleet.ledger.repeated(self.id)

    def started_by(self, pid: int) -> list[str]:
        return [line.id for line in self.fleet.ledger.lines(self.id, "start") if line.pid == pid]

    def handed_over_after(self) -> float:
        """Seconds from the end of its worker's last step to the next, which another one began; none was repeated."""
        done = self.fleet.ledger.lines(self.cut, "done")[0]
        following = self.fleet.ledger.lines(f"{self.id}.4", "start")[0]
        assert self.repeated() == set()
        assert done.pid == self.holder.pid
        assert following.pid != self.holder.pid
        return following.at - done.at


def caught(fleet: Fleet, style: str = "walk_plain") -> Walk:
    """Start a walk and wait until it is in its third step; its gate has its id as name."""
    name = f"{style}-{next(_numbers)}"
    handle = fleet.durable.run(name, style, 2, name, 2)
    return Walk(fleet, handle, fleet.caught(name, f"{name}.3"))


def measured(fleet: Fleet, bound_s: float, take: Callable[[], float]) -> None:
    """The best of a few measurements is within the bound."""
    seen: list[float] = []
    while not seen or (seen[-1] > bound_s and len(seen) < MEASUREMENTS):
        fleet.all_up()
        seen.append(take())
    if min(seen) > bound_s:
        pytest.fail(f"it took {seen} s to go on, the best should be within {bound_s} s")
