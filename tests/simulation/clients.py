"""Clients of a simulation: they start executions, look at promises, settle those that are waited for, and cancel."""

from __future__ import annotations

from typing import Any

from durable_celery.promise import Phase, State
from durable_celery.promises import Promises
from durable_celery.registry import Options
from durable_celery.settings import Settings
from durable_celery.start import Starter
from durable_celery.store import Store
from tests.simulation.cluster import Cluster
from tests.simulation.effects import LOOSE
from tests.simulation.monitor import Violation
from tests.simulation.programs import OURS
from tests.simulation.sums import Author, Command, Sum, add_up

_TEN_YEARS_MS = 10 * 365 * 24 * 3600 * 1000
AUDIT = "audit"


def settings() -> Settings:
    """Records are kept for longer than any simulation."""
    return Settings(retention_ms=_TEN_YEARS_MS)


class Clients:
    """What is asked of the cluster, and what must come of it."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        author = Author(cluster.rng)
        self.programs: dict[str, list[Command]] = {}
        for number in range(cluster.rng.randint(1, 4)):
            self.programs[f"R{number}"] = author.write(5, 3)
        for number in range(cluster.rng.randint(0, 2)):
            self.programs[f"{LOOSE}{number}"] = author.loose()
        self.asked: set[str] = set()

    # What they do while the world goes on

    def act(self) -> None:
        """Whatever comes to somebody's mind."""
        rng, rows = self._cluster.rng, self._cluster.seen.rows
        missing = [each for each in self.programs if each not in rows]
        if missing and rng.random() < 0.5:
            self.start(rng.choice(missing))
        elif rng.random() < 0.5 and self.awaited():
            self.resolve(rng.choice(self.awaited()))
        elif rows:
            promise_id = rng.choice(list(rows))
            if rng.random() < 0.2 and promise_id in self.programs:
                self.start(promise_id)  # somebody else asks for the same
            else:
                self._cluster.errand("reader", lambda store: store.get(promise_id))

    def start(self, promise_id: str) -> None:
        """Start an execution, or attach to it."""
        loose = promise_id.startswith(LOOSE)
        timeout_ms = 24 * 3600 * 1000 if loose and len(self.programs[promise_id]) % 2 else None
        self.begin(promise_id, "program", (self.programs[promise_id],), timeout_ms)

    def begin(self, promise_id: str, function: str, args: tuple[Any, ...], timeout_ms: int | None = None) -> None:
        def start(store: Store) -> None:
            starter = Starter(
                registry=self._cluster.registry,
                codec=self._cluster.codec,
                settings=settings,
                store=lambda: store,
                publish=self._cluster.publish,
                mirror=False,
            )
            starter.start(promise_id, function, 1, args, {}, Options(timeout_ms=timeout_ms))

        self._cluster.errand("client", start)

    def awaited(self) -> list[str]:
        """External promises that are left to somebody outside."""
        rows = self._cluster.seen.rows.items()
        there = [id for id, row in rows if row.promise.phase is Phase.NONE and not row.promise.state.settled]
        return [id for id in there if not id.startswith(OURS)]

    def resolve(self, promise_id: str) -> None:
        """Settle it; each client with an answer of its own, so that it shows who was first."""
        self._cluster.errand("client", lambda store: self._promises(store).resolve(promise_id, self._cluster.tick))

    def cancel(self) -> None:
        """Somebody cancels one that may be cancelled."""
        rows = self._cluster.seen.rows
        there = [each for each in self.programs if each.startswith(LOOSE) and each in rows]
        if there:
            promise_id, grace = self._cluster.rng.choice(there), self._cluster.rng.choice([0, 60, 3600])
            self._cluster.count("cancel")
            self._cluster.errand("client", lambda store: self._promises(store).cancel(promise_id, grace=grace))

    def _promises(self, store: Store) -> Promises:
        return Promises(
            store=lambda: store, codec=self._cluster.codec, settings=settings, publish=self._cluster.publish
        )

    # What must have come of it

    def expected(self) -> tuple[dict[str, int], Sum]:
        """The values of those that nobody cancels, and their effects together."""
        whole, values = Sum(), {}
        for promise_id, commands in self.programs.items():
            if not promise_id.startswith(LOOSE):
                values[promise_id] = add_up(commands, whole)
        return values, whole.whole()

    def check(self) -> None:
        """Raise Violation when an outcome, a counter or the number of recorded steps is not what it must be."""
        values, whole = self.expected()
        for promise_id, value in values.items():
            if self._outcome(promise_id) != (State.RESOLVED, value):
                raise Violation("the outcome is the right one", promise_id, value, self._outcome(promise_id))
        counters = {name: n for name, n in self._outcome(AUDIT)[1].items() if n}
        if counters != dict(whole.counters):
            raise Violation("counters are exact", counters, dict(whole.counters))
        if self._cluster.effects.counted != whole.steps:
            raise Violation("every step is recorded once", self._cluster.effects.counted, whole.steps)
        self._check_loose()

    def _check_loose(self) -> None:
        for promise_id in self.programs:
            if not promise_id.startswith(LOOSE):
                continue
            state, value = self._outcome(promise_id)
            if state is State.RESOLVED and value != add_up(self.programs[promise_id], Sum()):
                raise Violation("the outcome is the right one", promise_id, value)
            if state is State.REJECTED:
                raise Violation("the outcome is the right one", promise_id, state, value)

    def _outcome(self, promise_id: str) -> tuple[State, Any]:
        promise = self._cluster.seen.rows[promise_id].promise
        return promise.state, self._cluster.codec.decode(promise.value) if promise.value else None
