"""Workers, broker, clock and sweeper of a simulation: what may happen next, and what goes wrong by itself."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

from durable_celery import invoking
from durable_celery.codec import Codec
from durable_celery.engine import Departure, Engine
from durable_celery.errors import LeaseLost
from durable_celery.lease import Keeper, Lease
from durable_celery.registry import Registered, Registry, name_of
from durable_celery.store import Hold, Ready
from durable_celery.stores import LocalStore
from durable_celery.stores.local import store as local_store
from tests.simulation import programs
from tests.simulation.effects import Effects
from tests.simulation.faulty import Actor, Kind
from tests.simulation.hub import Hub, Task
from tests.simulation.mixture import Mixture
from tests.simulation.monitor import Violation
from tests.simulation.register import Registers, outcome_of
from tests.simulation.simbench import SimBench
from tests.simulation.wire import Wire

LEASE_MS = 30_000
MAX_ATTEMPTS = 5
#: Processes of one worker.
SLOTS = 2
WORKERS = ("w1", "w2", "w3")


class SimKeeper(Keeper):
    """A keeper whose heart beats when the simulation says so."""

    lease: Lease | None = None

    @contextmanager
    def keep(
        self,
        hold: Hold,
        on_lost: Callable[[], None],
        asked_ms: float,
        on_cancelled: Callable[[], None] = lambda: None,
    ) -> Iterator[Lease]:
        self.lease = Lease(hold, on_lost, asked_ms, on_cancelled, rollbacks=self._store.rollbacks)
        try:
            yield self.lease
        finally:
            self.lease = None

    def beat(self) -> None:
        """One heartbeat; a store that does not answer is asked again at the next one."""
        try:
            if self.lease is not None:
                self._beat([self.lease])
        except Exception:
            pass


class Process(Actor):
    """A process of a worker, for one attempt."""

    def __init__(self, worker: str, number: int, world: Cluster) -> None:
        super().__init__(f"{worker}/{number}")
        self.worker = worker
        self.frozen_until = 0
        self.hint = ""
        self.keeper = SimKeeper(Wire(world, self), world.clock)


class Cluster:
    """The world, one small step at a time."""

    def __init__(self, seed: int, make: Callable[..., LocalStore] = LocalStore) -> None:
        self.rng = random.Random(seed)
        self.mixture = Mixture.drawn(self.rng)
        self.bench = SimBench(make)
        self.clock = self.bench.clock
        self.hub = Hub(self.clock)
        self.effects, self.registers = Effects(), Registers()
        self.codec, self.registry = Codec(), Registry()
        for fn in programs.FUNCTIONS:
            self.registry.add(Registered(name_of(fn), 1, fn))
        for service in programs.SERVICES:
            for registered in service.registrations():
                self.registry.add(registered)
        self.hints: list[tuple[int, str]] = []
        self.processes: list[Process] = []
        self.draining: dict[str, int] = {}
        self.tick = self._actors = self.operations = 0
        self.happened: Counter[str] = Counter()
        self.lines: list[str] = []
        self.seen = self.bench.snapshot()
        self.began_ms = self.clock.now_ms()
        self.hurting = True

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Threads, steps and nonces are those of this world."""
        programs.Outside.step = staticmethod(self._step)
        programs.Outside.flaky = staticmethod(self._flaky)

        def hexadecimal(size: int) -> str:
            return f"{self.rng.getrandbits(8 * size):0{2 * size}x}"

        nonces = mock.Mock(token_hex=hexadecimal, token_urlsafe=hexadecimal)
        drawn = [mock.patch.object(each, "secrets", nonces) for each in (local_store, invoking)]
        with self.hub.threads(), drawn[0], drawn[1]:
            try:
                yield
            finally:
                for task in list(self.hub.tasks):
                    self.hub.kill(task.actor)

    # What is told

    def log(self, *words: object) -> None:
        self.operations += 1
        self.lines.append(f"{self.clock.now_ms()} {' '.join(map(str, words))}")

    def count(self, what: str) -> None:
        self.happened[what] += 1

    @property
    def digest(self) -> str:
        """Of the whole log."""
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()

    # What steps do

    def _step(self, label: str) -> str:
        assert self.hub.current is not None
        actor = self.hub.current.actor
        row = self.seen.rows.get(actor.execution)
        if row is not None and not actor.troubled and row.promise.cancel_at is None and row.token != actor.token:
            raise Violation("only who holds the lease starts a step", label, actor.name)
        self.effects.begin(label, actor)
        self.log(actor.name, "step", label)
        self.hub.pause()  # it takes its time
        return f"did:{label}"

    def _flaky(self, label: str, times: int) -> str:
        failed = self.effects.failed[label]
        self._step(label if failed >= times else f"{label}~{failed}")
        if failed < times:
            self.effects.failed[label] += 1
            raise OSError("not yet")
        return f"did:{label}"

    # Processes

    def process(self, worker: str) -> Process:
        self._actors += 1
        return Process(worker, self._actors, self)

    def publish(self, ready: Sequence[Ready]) -> None:
        """Give hints to the broker, which loses, doubles and delays some."""
        for row in ready:
            for _ in range(1 + self._chance("duplicate", self.mixture.hints)):
                if not self._chance("drop", self.mixture.hints):
                    late_ms = self.rng.choice([300, 5000, 60_000]) if self._chance("delay", self.mixture.hints) else 0
                    self.hints.append((self.clock.now_ms() + late_ms, row.id))

    def _chance(self, kind: str, of: dict[str, float]) -> bool:
        hit = self.hurting and of[kind] > 0 and self.rng.random() < of[kind]
        if hit:
            self.count(kind)
        return hit

    def fault(self) -> Kind | None:
        kind = self.mixture.at_call(self.rng) if self.hurting else None
        actor = self.hub.current.actor if self.hub.current is not None else None
        if kind in (Kind.FREEZE, Kind.STALL) and not isinstance(actor, Process):
            return None
        if kind is not None:
            self.count(kind.name.lower().replace("_", " "))
        return kind

    def freeze(self, actor: Actor) -> None:
        assert isinstance(actor, Process)
        actor.troubled = True
        actor.frozen_until = self.clock.now_ms() + self.rng.choice([2000, LEASE_MS + 1000, 3 * LEASE_MS])

    def take(self, worker: str) -> None:
        """A worker takes one of the hints that have arrived, whichever."""
        due = [hint for hint in self.hints if hint[0] <= self.clock.now_ms()]
        hint = self.rng.choice(due)
        self.hints.remove(hint)
        process = self.process(worker)
        process.hint = hint[1]
        self.processes.append(process)
        self.hub.spawn(process, "attempt", lambda: self._attempt(process))

    def _attempt(self, process: Process) -> None:
        store = Wire(self, process)
        engine = Engine(
            store=store,  # type: ignore[arg-type]
            codec=self.codec,
            registry=self.registry,
            keeper=process.keeper,
            clock=self.clock,
            publish=self.publish,
            lease_ms=LEASE_MS,
            draining=lambda: process.draining,
        )
        try:
            left = engine.attempt(process.hint, process.name)
        except (Exception, LeaseLost) as error:
            try:
                self.publish(store.crashed(process.hint, process.name, MAX_ATTEMPTS, f"crashed: {error!r}"))
            except Exception:
                pass  # the sweep will find it
        else:
            if left.departure is Departure.PARKED:
                raise Violation("no body is found to be another one than before", left.reason)

    def starve(self) -> None:
        """Time has passed: whoever holds a lease that has run out is as good as frozen, although it does not know."""
        for process in self.processes:
            row = self.seen.rows.get(process.execution)
            due = self.bench.lease_due(process.execution)
            past = due is not None and due <= self.clock.now_ms()
            if past and not process.troubled and row is not None and row.token == process.token:
                self.count("starve")
                process.troubled = True

    def over(self, process: Process) -> bool:
        """Whether nothing of it is left."""
        return process.dead or not any(task.actor is process for task in self.hub.tasks)

    def kill(self, process: Process) -> None:
        """It is gone."""
        self.hub.kill(process)
        process.troubled = True
        self.processes.remove(process)
        self.kill_over(process)

    def kill_over(self, process: Process) -> None:
        """Its parent may notice that it is gone, or not."""
        if self.rng.random() < 0.5:
            self.hints.append((self.clock.now_ms(), process.hint))  # redelivered: it was never acknowledged
        if self.rng.random() < 0.5:
            self.errand(
                f"{process.worker}-parent",
                lambda store: self.publish(store.crashed(process.hint, process.name, MAX_ATTEMPTS, "crashed: killed")),
            )

    def errand(self, name: str, work: Callable[[Any], Any]) -> Task:
        """What another process does with the store, which may fail."""
        self._actors += 1
        actor = Actor(f"{name}{self._actors}")

        def do() -> None:
            try:
                work(Wire(self, actor))
            except Exception:
                pass  # whoever it was asks again, or somebody else does

        return self.hub.spawn(actor, name, do)

    def sweep(self) -> None:
        self.errand("sweeper", lambda store: self.publish(store.sweep(MAX_ATTEMPTS).ready))

    # The store's disk

    def look(self) -> None:
        """See what the store holds now."""
        self.seen = self.bench.snapshot()

    def save(self) -> None:
        """What is recorded by now survives a failure of the store's machine."""
        self.bench.save()
        self.effects.save()

    def roll_back(self) -> None:
        """The store loses what it recorded since; every attempt is troubled by it."""
        self.registers.check()
        for process in self.processes:  # it learns of this by its next call, and may begin a step before
            process.troubled = True
        self.bench.roll_back()
        self.effects.roll_back()
        self.look()
        rows = self.seen.rows.items()
        self.registers.begin({id: there for id, row in rows if (there := outcome_of(row.promise)) is not None})
        self.log("the store is rolled back")
