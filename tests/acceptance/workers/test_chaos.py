"""No wake-up is lost and no recorded step is repeated, whatever is killed at whatever moment."""

from __future__ import annotations

import os
import random
import signal
import time
from typing import Any

import pytest

from durable_celery import Handle, PromiseNotFound
from durable_celery.dev.child import group_members
from tests.acceptance.workers.fleet import Fleet, FleetMaker, Worker
from tests.acceptance.workers.waiting import wait_until

EXECUTIONS = 150
STEP_S = 0.04
CHAOS_S = 20.0
BETWEEN_KILLS_S = (0.4, 1.6)
SEED = 20


class Chaos:
    """Two workers to kill at random, and the count of steps that may have been cut off by it."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.cut = 0
        self._random = random.Random(SEED)
        self._next = time.monotonic() + 1

    def tick(self) -> None:
        """Start again who is dead; when it is time, kill somebody."""
        for worker in self.fleet.workers.values():
            if not worker.alive:
                worker.again()
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._random.uniform(*BETWEEN_KILLS_S)
            self._strike(self._random.choice(list(self.fleet.workers.values())))

    def rest(self) -> None:
        """Everybody up; who was on the way out is killed for it."""
        self.cut += sum(2 for worker in self.fleet.workers.values() if worker.leaving and worker.alive)
        self.fleet.all_up()

    def _strike(self, worker: Worker) -> None:
        children = [pid for pid in group_members(worker.pid) if pid != worker.pid]
        means = self._random.choice(["kill", "kill a child", "terminate"])
        if means == "kill":
            self.cut += 2
            worker.kill()
        elif means == "kill a child" and children:
            self.cut += 1
            os.kill(self._random.choice(children), signal.SIGKILL)
        elif worker.says(" ready."):
            worker.shut_down(signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_no_wake_up_is_lost_and_no_recorded_step_repeated(make_fleet: FleetMaker) -> None:
    fleet = make_fleet(durable_lease=3)
    fleet.start("one", "two")
    chaos, ends = Chaos(fleet), time.monotonic() + CHAOS_S
    handles: list[Handle[dict[str, str]]] = []
    unsettled: set[str] = set()

    def resolve_what_is_asked() -> None:
        for each in sorted(unsettled):
            try:
                fleet.durable.promises.resolve(f"{each}.3", {})
            except PromiseNotFound:
                continue  # its execution has not come so far
            unsettled.discard(each)

    while time.monotonic() < ends:
        due = round(EXECUTIONS * (1 - (ends - time.monotonic()) / CHAOS_S)) - len(handles)
        for _ in range(due):
            handles.append(fleet.durable.run(f"chaos-{len(handles)}", "mixture", STEP_S))
            unsettled.add(handles[-1].id)
        resolve_what_is_asked()
        chaos.tick()
        time.sleep(0.02)

    chaos.rest()
    wait_until(lambda: resolve_what_is_asked() or not unsettled, 60, "every execution to ask for its promise")
    for handle in handles:
        assert handle.result(60) == recorded(fleet, handle.id)
    assert len(handles) >= EXECUTIONS - 5
    assert repeated_starts(fleet) <= chaos.cut


def recorded(fleet: Fleet, id: str) -> Any:
    """What must have been recorded of each step: its last run. A recorded step is never run again."""
    return fleet.ledger.last_runs(id)


def repeated_starts(fleet: Fleet) -> int:
    starts = [line.id for line in fleet.ledger.lines(event="start")]
    return len(starts) - len(set(starts))
