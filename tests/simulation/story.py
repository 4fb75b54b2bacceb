"""One simulation: so many steps with faults, then none any more, and everything has to come to its end."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from durable_celery.promise import Phase
from durable_celery.stores import LocalStore
from tests.simulation.clients import AUDIT, Clients
from tests.simulation.cluster import LEASE_MS, MAX_ATTEMPTS, SLOTS, WORKERS, Cluster, Process
from tests.simulation.hub import Task
from tests.simulation.monitor import Violation

_LONGEST = 40_000
#: A long time passes in so many parts, with a heartbeat after each.
LONG_PARTS = 5
#: A heartbeat that meets no fault is over after so many turns.
_BEAT_TURNS = 4


@dataclass
class Report:
    """What one seed came to."""

    seed: int
    digest: str = ""
    law: str = ""
    evidence: str = ""
    operations: int = 0
    steps: int = 0
    extra: int = 0
    checked: int = 0
    simulated_ms: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list, repr=False)


@contextmanager
def silence() -> Iterator[None]:
    """What goes wrong is meant to; other tests of this process are heard again afterwards."""
    logger = logging.getLogger("durable_celery")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def simulate(seed: int, steps: int, make: Callable[..., LocalStore] = LocalStore) -> Report:
    """Play one seed to its end; the report names the law that was broken, if any."""
    cluster = Cluster(seed, make)
    report = Report(seed)
    with silence(), cluster.at_work():
        try:
            Story(cluster, steps).play()
        except Violation as violation:
            report.law, report.evidence = violation.law, repr(violation.args[1:])
        except Exception as error:
            report.law, report.evidence = "nothing fails in an unforeseen way", repr(error)
    report.digest, report.lines = cluster.digest, cluster.lines
    report.operations, report.checked = cluster.operations, cluster.registers.checked
    report.steps, report.extra = sum(cluster.effects.begun.values()), cluster.effects.extra
    report.simulated_ms = cluster.clock.now_ms() - cluster.began_ms
    report.faults = dict(cluster.happened)
    return report


class Story:
    """Draws what happens next."""

    def __init__(self, cluster: Cluster, steps: int) -> None:
        self._cluster, self._steps = cluster, steps
        self._clients = Clients(cluster)

    def play(self) -> None:
        cluster = self._cluster
        cluster.save()
        for _ in range(self._steps):
            self._go_wrong()
            self._step()
        self._heal()
        self._finish()
        self._clients.begin(AUDIT, "audit", ())
        self._finish(AUDIT)
        cluster.registers.check()
        self._clients.check()
        if cluster.seen.ready or cluster.seen.lease:
            raise Violation("nothing is left in ready or lease", cluster.seen.ready, cluster.seen.lease)

    # What happens

    def _step(self) -> None:
        """One of those things that can happen now."""
        cluster, rng = self._cluster, self._cluster.rng
        tasks, workers = self._runnable(), self._free_workers()
        chosen = rng.choices(
            [self._run, self._take, self._clients.act, cluster.sweep, self._beat, self._pass_time],
            [12 * bool(tasks), 5 * bool(workers), 2, 0.5, 0.7, 0.5 if tasks else 3],
        )[0]
        chosen()

    def _runnable(self) -> list[Task]:
        now_ms = self._cluster.clock.now_ms()
        return [
            task
            for task in self._cluster.hub.tasks
            if getattr(task.actor, "frozen_until", 0) <= now_ms and self._cluster.hub.can_go_on(task)
        ]

    def _run(self) -> None:
        self._cluster.hub.resume(self._cluster.rng.choice(self._runnable()))

    def _free_workers(self) -> list[str]:
        cluster, now_ms = self._cluster, self._cluster.clock.now_ms()
        gone = [process for process in cluster.processes if cluster.over(process)]
        cluster.processes = [process for process in cluster.processes if process not in gone]
        for process in gone:
            if process.dead:
                cluster.kill_over(process)
        if not any(at <= now_ms for at, _ in cluster.hints):
            return []
        return [
            worker
            for worker in WORKERS
            if sum(process.worker == worker for process in cluster.processes) < SLOTS
            and cluster.draining.get(worker, 0) <= now_ms
        ]

    def _take(self) -> None:
        self._cluster.take(self._cluster.rng.choice(self._free_workers()))

    def _beat(self) -> None:
        cluster = self._cluster
        awake = [each for each in cluster.processes if not each.dead and each.frozen_until <= cluster.clock.now_ms()]
        for process in awake:
            cluster.hub.spawn(process, "heart", process.keeper.beat)

    def _pass_time(self) -> None:
        """Hearts beat meanwhile, but for the times when the machines have other things to do."""
        cluster, ms = self._cluster, self._cluster.rng.choice([1, 20, 200, 1500, 12_000, 45_000])
        beats = ms > LEASE_MS / 3 and cluster.rng.random() < 0.7
        for _ in range(LONG_PARTS if beats else 1):
            cluster.clock.advance(ms=ms // LONG_PARTS if beats else ms)
            if beats:
                self._beat_now()
        cluster.starve()

    def _beat_now(self) -> None:
        """The hearts of all who are awake, each until it waits for something."""
        before = list(self._cluster.hub.tasks)
        self._beat()
        for heart in [task for task in self._cluster.hub.tasks if task not in before]:
            for _ in range(_BEAT_TURNS):
                if heart in self._cluster.hub.tasks and heart in self._runnable():
                    self._cluster.hub.resume(heart)

    # What goes wrong

    def _go_wrong(self) -> None:
        cluster, rng = self._cluster, self._cluster.rng
        for kind, probability in cluster.mixture.steps.items():
            if probability and rng.random() < probability:
                self._hit(kind)
        if cluster.mixture.steps["roll the store back"] and rng.random() < 0.05:
            cluster.save()

    def _hit(self, kind: str) -> None:
        cluster, rng = self._cluster, self._cluster.rng
        if kind == "cancel":
            self._clients.cancel()
        elif kind == "roll the store back":
            cluster.count(kind)
            cluster.roll_back()
        elif cluster.processes:
            cluster.count(kind)
            process = rng.choice(cluster.processes)
            self._hit_process(kind, process)

    def _hit_process(self, kind: str, process: Process) -> None:
        cluster, now_ms = self._cluster, self._cluster.clock.now_ms()
        together = [each for each in cluster.processes if each.worker == process.worker]
        if kind == "kill process":
            cluster.kill(process)
        elif kind == "freeze process":
            cluster.freeze(process)
        elif kind == "kill worker":
            for each in together:
                cluster.kill(each)
        else:
            cluster.draining[process.worker] = now_ms + 5000
            for each in together:
                each.draining = True

    # The end

    def _heal(self) -> None:
        """Nothing goes wrong any more; what is frozen thaws, and people resume what was set aside."""
        cluster = self._cluster
        cluster.hurting = False
        cluster.draining.clear()
        cluster.log("no more faults")

    def _finish(self, promise_id: str = "") -> None:
        """Until all is settled; time passes when nothing else can happen."""
        cluster = self._cluster
        for _ in range(_LONGEST):
            if cluster.hub.tasks or cluster.hints:
                if not self._go_on():
                    self._jump()
            elif self._all_settled(promise_id):
                return
            else:
                self._nudge()
        stuck = [(id, row.promise.phase) for id, row in cluster.seen.rows.items() if not row.promise.state.settled]
        raise Violation("every execution comes to its end", stuck)

    def _go_on(self) -> bool:
        """Let somebody go on, if anybody can."""
        workers, tasks = self._free_workers(), self._runnable()
        if workers and (not tasks or self._cluster.rng.random() < 0.2):
            self._take()
        elif tasks:
            self._run()
        return bool(workers or tasks)

    def _jump(self) -> None:
        """Time passes until something is due; hearts beat meanwhile, at a third of a lease."""
        cluster, now_ms = self._cluster, self._cluster.clock.now_ms()
        due = [task.due for task in cluster.hub.tasks if task.due is not None]
        due += [getattr(task.actor, "frozen_until", 0) for task in cluster.hub.tasks]
        due += [at for at, _ in cluster.hints]
        later = [at for at in due if at > now_ms]
        cluster.clock.advance(ms=min(math.ceil(min(later, default=now_ms + 1000) - now_ms), 10_000))
        self._beat()

    def _all_settled(self, promise_id: str) -> bool:
        rows = self._cluster.seen.rows
        asked = [*self._clients.programs, *([promise_id] if promise_id else [])]
        return all(each in rows for each in asked) and all(row.promise.state.settled for row in rows.values())

    def _nudge(self) -> None:
        """Nothing is under way: clients do what they have left to do, and the clock moves to what is due next."""
        cluster, clients = self._cluster, self._clients
        rows = cluster.seen.rows
        for promise_id in clients.programs:
            if promise_id not in rows:
                clients.start(promise_id)
        for promise_id in clients.awaited():
            clients.resolve(promise_id)
        for promise_id, row in rows.items():
            if row.promise.phase is Phase.PARKED:
                if not row.promise.reason.startswith(("crashed", "its lease", "lease")):
                    raise Violation("only crashes set aside", promise_id, row.promise.reason)
                self._resume(promise_id)
        if not cluster.hub.tasks:
            found = cluster.bench.store.sweep(MAX_ATTEMPTS)
            cluster.look()
            cluster.publish(found.ready)
            if not found.ready and found.next_due_ms is not None:
                cluster.clock.advance(ms=found.next_due_ms)

    def _resume(self, promise_id: str) -> None:
        cluster = self._cluster
        cluster.errand("operator", lambda store: cluster.publish(store.resume(promise_id)))
