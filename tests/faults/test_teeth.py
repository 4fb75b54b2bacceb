"""Would these tests notice? Stores and engines with one rule broken, each caught, and by the law that it breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from durable_celery.errors import LeaseLost
from durable_celery.fence import Fence
from durable_celery.journal import Journal
from durable_celery.lease import Keeper
from durable_celery.promise import Phase
from durable_celery.stores import LocalStore
from durable_celery.stores.local import waiting
from tests.faults.histories import KINDS, calls_of, singles
from tests.faults.shapes import SHAPES
from tests.simulation.benches import LocalBench
from tests.simulation.monitor import Violation
from tests.simulation.world import Shape, World


class UnfencedCheckpoint(LocalStore):
    """Writes whoever asks."""

    def checkpoint(self, hold, cursor, entries, changes=(), log=None) -> None:
        with self._verb() as rows:
            rows.write(rows.by_id[hold.id], list(entries))


class CompactingStore(LocalStore):
    """Throws a result away once the next one is there."""

    def checkpoint(self, hold, cursor, entries, changes=(), log=None) -> None:
        super().checkpoint(hold, cursor, entries, changes)
        journal = self._rows.by_id[hold.id].journal
        journal.update(dict.fromkeys(list(journal)[:-1], ""))


class UnfencedSettlement(LocalStore):
    """Settles whoever asks."""

    def fulfil(self, hold, cursor, outcome, entries=(), changes=(), log=None):
        with self._verb() as rows:
            rows.settle(rows.by_id[hold.id], outcome.state, outcome.value)
            return rows.publishable()


class ClaimsAnything(LocalStore):
    """Gives out suspended executions too."""

    def claim(self, promise_id, worker, lease_ms):
        with self._verb() as rows:
            row = rows.by_id.get(promise_id)
            if row is not None and row.promise.phase is Phase.SUSPENDED:
                row.set(phase=Phase.READY)
        return super().claim(promise_id, worker, lease_ms)


class ForgetsWhoWaits(LocalStore):
    """Settles, and wakes nobody."""

    def fulfil(self, hold, cursor, outcome, entries=(), changes=(), log=None):
        self._rows.by_id[hold.id].awaiters.clear()
        return super().fulfil(hold, cursor, outcome, entries, changes)


class NeverLapses(LocalStore):
    """A sweep that leaves leases alone."""

    def sweep(self, max_attempts, limit=100):
        leases, self._rows.lease = self._rows.lease, type(self._rows.lease)()
        try:
            return super().sweep(max_attempts, limit)
        finally:
            self._rows.lease = leases


class NeverRepublishes(LocalStore):
    """A sweep that trusts the broker."""

    def sweep(self, max_attempts, limit=100):
        ready, self._rows.ready = self._rows.ready, type(self._rows.ready)()
        try:
            return super().sweep(max_attempts, limit)
        finally:
            for promise_id in self._rows.ready.all():
                ready.set(promise_id, self._rows.now)
            self._rows.ready = ready


class SuspendsBlindly(LocalStore):
    """Registers for what is settled already, which will never call."""

    def suspend(self, hold, cursor, groups, *, peek=False):
        settled = waiting._outcome_of
        waiting._outcome_of = lambda rows, awaited: None if awaited.promise_id else settled(rows, awaited)
        try:
            return super().suspend(hold, cursor, groups, peek=peek)
        finally:
            waiting._outcome_of = settled


class KeepsToken(LocalStore):
    """A lease that lapsed is still good."""

    def sweep(self, max_attempts, limit=100):
        tokens = {promise_id: row.token for promise_id, row in self._rows.by_id.items()}
        found = super().sweep(max_attempts, limit)
        for promise_id, row in self._rows.by_id.items():
            row.token = tokens[promise_id]
            if row.promise.phase is Phase.READY and row.token:
                row.set(phase=Phase.ACQUIRED)
        return found


class LetsEverybodyIn(LocalStore):
    """An object whose calls do not wait for each other."""

    def __init__(self, clock=None) -> None:
        super().__init__(clock)
        self._rows.objects.turn = lambda call: True


class ForgetsTheNext(LocalStore):
    """Nobody's turn comes when one has ended."""

    def __init__(self, clock=None) -> None:
        super().__init__(clock)
        leave = self._rows.objects.leave
        self._rows.objects.leave = lambda call: leave(call) and None


class LosesState(LocalStore):
    """Writes a result without what the handler changed."""

    def fulfil(self, hold, cursor, outcome, entries=(), changes=(), log=None):
        return super().fulfil(hold, cursor, outcome, entries)


STORES = {
    UnfencedCheckpoint: "a stale token changes nothing",
    CompactingStore: "a journal entry is written once",
    UnfencedSettlement: "a stale token changes nothing",
    ClaimsAnything: "the epoch moves only by a claim of a ready one, and by one",
    ForgetsWhoWaits: "whoever is suspended will be woken by something",
    NeverLapses: "every execution comes to its end",
    NeverRepublishes: "every execution comes to its end",
    SuspendsBlindly: "every execution comes to its end",
    KeepsToken: "only a claim acquires",
    LetsEverybodyIn: "one exclusive call of an object has its turn",
    ForgetsTheNext: "one exclusive call of an object has its turn",
    LosesState: "the outcome is the right one",
}


@pytest.mark.parametrize("store", STORES, ids=lambda store: store.__name__)
def test_a_store_with_a_rule_broken_is_caught(store: type[LocalStore]) -> None:
    assert STORES[store] in laws_broken(store)


def no_replay(self: Journal, path: str, kind: str, name: str, where: str) -> None:
    self._unread.discard(path)


def always(self: Keeper, lease: Any) -> bool:
    return True


def unforeseen(self: Fence, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except LeaseLost:
        self.lose()
        raise


ENGINES = {
    "forgets what is recorded": (Journal, "find", no_replay, "a recorded step is never executed again"),
    "never confirms its lease": (Keeper, "confirm", always, "a recorded step is never executed again"),
    "shows the body the store's troubles": (Fence, "call", unforeseen, "the outcome is the right one"),
}


@pytest.mark.parametrize("what", ENGINES)
def test_an_engine_with_a_rule_broken_is_caught(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, mutant, law = ENGINES[what]
    monkeypatch.setattr(owner, name, mutant)

    assert law in laws_broken(LocalStore)


def laws_broken(store: type[LocalStore]) -> Iterator[str]:
    """The laws that histories with at most one fault break, those of services first: only there objects are at work."""
    bench = LocalBench(store)
    for shape in sorted(SHAPES, key=lambda shape: not shape.services):
        if shape.sequential:
            yield from _laws(bench, shape)


def _laws(bench: LocalBench, shape: Shape) -> Iterator[str]:
    plans: list[dict] = [{}]
    try:
        plans += singles(calls_of(bench, shape), KINDS)
    except Violation as violation:
        yield violation.law
    for broker in (list, lambda ids: ids * 2):
        for faults in plans:
            world = World(bench, shape, faults, broker=broker)
            try:
                world.play()
                world.check_end()
            except Violation as violation:
                yield violation.law
