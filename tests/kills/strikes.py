"""What is done to workers and to their broker, one function for each kind of trouble."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from durable_celery.dev.child import group_members
from tests.acceptance.workers.fleet import Fleet, Worker

LEASE_S = 3.0


@dataclass(frozen=True, slots=True)
class Strike:
    """One thing that was done: to which processes, and when by the monotonic clock."""

    kind: str
    at: float
    pids: tuple[int, ...] = ()


@dataclass
class Hospital:
    """Who is dead or frozen, and when that is over."""

    fleet: Fleet
    chance: random.Random
    again_at: dict[str, float] = field(default_factory=dict)
    thaw_at: dict[str, float] = field(default_factory=dict)

    def tend(self) -> None:
        """Start again who is dead, some time after it died; thaw who was frozen long enough."""
        now = time.monotonic()
        for name, worker in self.fleet.workers.items():
            if name in self.thaw_at and now >= self.thaw_at[name]:
                del self.thaw_at[name]
                worker.thaw()
            if not worker.alive and now >= self.again_at.setdefault(name, now + self.chance.uniform(0, 1)):
                del self.again_at[name]
                worker.again()

    def healthy(self) -> list[Worker]:
        """Who is at work and may be struck."""
        return [
            worker
            for name, worker in self.fleet.workers.items()
            if name not in self.thaw_at and worker.alive and not worker.leaving and worker.says(" ready.")
        ]

    def discharge(self) -> None:
        """Everybody is up."""
        for name in list(self.thaw_at):
            self.fleet.workers[name].thaw()
        self.thaw_at.clear()
        for worker in self.fleet.workers.values():
            if worker.leaving:
                worker.ended(60)
        self.fleet.all_up()


Kind = Callable[[Hospital, Worker], Strike]


def kill_parent(hospital: Hospital, worker: Worker) -> Strike:
    """SIGKILL to the main process; the processes of its pool may go on for a while."""
    strike = Strike("kill_parent", time.monotonic(), tuple(group_members(worker.pid)))
    worker.kill()
    return strike


def kill_all(hospital: Hospital, worker: Worker) -> Strike:
    """SIGKILL to the main process and to its pool, as when a container is removed."""
    strike = Strike("kill_all", time.monotonic(), tuple(group_members(worker.pid)))
    worker.child.kill()
    return strike


def kill_child(hospital: Hospital, worker: Worker) -> Strike:
    """SIGKILL to one process of a pool; without such a pool, to all."""
    children = [pid for pid in group_members(worker.pid) if pid != worker.pid]
    if "prefork" not in worker.argv or not children:
        return kill_all(hospital, worker)
    victim = hospital.chance.choice(children)
    strike = Strike("kill_child", time.monotonic(), (victim,))
    os.kill(victim, signal.SIGKILL)
    return strike


def freeze(hospital: Hospital, worker: Worker) -> Strike:
    """SIGSTOP to all of it, for less than a lease or for more, then SIGCONT."""
    seconds = hospital.chance.choice((hospital.chance.uniform(0.2, LEASE_S / 2), LEASE_S + 2))
    strike = Strike("freeze", time.monotonic(), tuple(group_members(worker.pid)))
    worker.freeze()
    hospital.thaw_at[worker.name] = time.monotonic() + seconds
    return strike


def stop(hospital: Hospital, worker: Worker) -> Strike:
    """SIGTERM: it ends what is at work, hands the rest over and leaves."""
    strike = Strike("stop", time.monotonic(), tuple(group_members(worker.pid)))
    worker.shut_down(signal.SIGTERM)
    return strike


def empty_broker(hospital: Hospital, worker: Worker) -> Strike:
    """No message is left, nor what Celery knows of those that it has not acknowledged."""
    hospital.fleet.messages.flushdb()
    return Strike("empty_broker", time.monotonic())


def flush_scripts(hospital: Hospital, worker: Worker) -> Strike:
    """The store has forgotten every script."""
    hospital.fleet.redis.script_flush()
    return Strike("flush_scripts", time.monotonic())


#: How often each is drawn.
KINDS: dict[Kind, int] = {
    kill_parent: 3,
    kill_all: 3,
    kill_child: 4,
    freeze: 3,
    stop: 2,
    empty_broker: 1,
    flush_scripts: 1,
}
