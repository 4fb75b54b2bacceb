"""LocalStore for a simulation: snapshots that copy only what has changed, and a way back to an earlier one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from durable_celery.clock import ManualClock
from durable_celery.stores import LocalStore
from tests.simulation.benches import Row, Snapshot


class SimBench:
    """One store on one clock."""

    def __init__(self, make: Callable[[ManualClock], LocalStore] = LocalStore) -> None:
        self.clock = ManualClock()
        self.store = make(self.clock)
        self._last: dict[str, Row] = {}
        self._saved: Any = None

    def snapshot(self) -> Snapshot:
        """Look at everything; rows that did not change are the same objects as the last time."""
        rows = self.store._rows
        self._last = {promise_id: self._row(promise_id, row) for promise_id, row in rows.by_id.items()}
        return Snapshot(self._last, frozenset(rows.ready.all()), frozenset(rows.lease.all()))

    def _row(self, promise_id: str, row: Any) -> Row:
        old = self._last.get(promise_id)
        awaiters = frozenset(awaiter for awaiter, _ in row.awaiters)
        if (
            old is not None
            and old.promise is row.promise
            and (old.token, old.cursor, old.awaiters) == (row.token, row.cursor, awaiters)
            and old.timers == row.timers.keys()
            and old.journal == row.journal
        ):
            return old
        return Row(row.promise, row.token, row.cursor, dict(row.journal), awaiters, frozenset(row.timers))

    def lease_due(self, promise_id: str) -> int | None:
        """When its lease runs out, if somebody holds it."""
        due: int | None = self.store._rows.lease._due.get(promise_id)
        return due

    def save(self) -> None:
        """What the disk has."""
        self._saved = copy.deepcopy(self.store._rows)

    def roll_back(self) -> None:
        """The machine failed, and what was not on the disk is gone. Whoever calls next is told so."""
        self.store._rows = copy.deepcopy(self._saved)
        self.store.rollbacks += 1
