"""LocalStore, the part that looks: the lock, records, journals, states, hints."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace

from durable_celery.clock import Clock, SystemClock
from durable_celery.errors import Expired, PromiseNotFound
from durable_celery.looking import SEARCH_PAGE, Census, Found, cursor, place
from durable_celery.promise import Phase, Promise, State
from durable_celery.stores.local.rows import Rows
from durable_celery.stores.local.watching import Watchers


class LocalLooking:
    """What LocalStore looks with, and what all its verbs begin with."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self._lock = threading.RLock()
        self._rows = Rows()
        self._watchers = Watchers(self._lock)

    @contextmanager
    def _verb(self) -> Iterator[Rows]:
        """One atomic transition: the lock, one reading of the clock, and the notices after it."""
        notify: list[Callable[[], None]] = []
        try:
            with self._lock:
                self._rows.begin(self.clock.now_ms())
                try:
                    yield self._rows
                finally:
                    notify = [each for settled in self._rows.notices for each in self._watchers.of(settled)]
                    notify += self._watchers.moved(self._rows.by_id)
        finally:
            for each in notify:
                each()

    def state(self, object: str) -> dict[str, str]:
        with self._verb() as rows:
            return rows.objects.state(object)

    def get(self, promise_id: str) -> Promise:
        return self.read(promise_id)[0]

    def read(self, promise_id: str) -> tuple[Promise, dict[str, str]]:
        with self._verb() as rows:
            row = rows.by_id.get(promise_id)
            if row is None:
                was = rows.tombstones.of(promise_id)
                raise PromiseNotFound(promise_id) if was is None else Expired(promise_id, was)
            return rows.projected(row), dict(row.journal)

    def search(
        self,
        functions: Collection[str] = (),
        state: State | None = None,
        prefix: str = "",
        after: str = "",
        limit: int = SEARCH_PAGE,
    ) -> Found:
        end = place(after) if after else None

        def fits(p: Promise) -> bool:
            listed = p.is_execution and p.tree == p.id and (end is None or (p.created_at, p.id) < end)
            wanted = (not functions or p.function in functions) and p.id.startswith(prefix)
            return listed and wanted and (state is None or p.state is state)

        with self._verb() as rows:
            found = [p for row in rows.by_id.values() if fits(p := rows.projected(row))]
        found.sort(key=lambda p: (p.created_at, p.id), reverse=True)
        page = tuple(replace(p, args="", value="", canvas="") for p in found[:limit])
        return Found(page, cursor(page[-1]) if len(found) > limit else "")

    def log(self, promise_id: str) -> list[str]:
        with self._verb() as rows:
            row = rows.by_id.get(promise_id)
            return [] if row is None else list(row.log)

    def census(self) -> Census:
        with self._verb() as rows:
            records = [row.promise for row in rows.by_id.values()]
            return Census(
                pending=dict(rows.pending()),
                ready=len(rows.ready),
                leased=len(rows.lease),
                parked=sum(p.phase is Phase.PARKED for p in records),
                timers=len(rows.timer),
                tended=len(rows.tend),
                roots=sum(p.is_execution and p.tree == p.id for p in records),
            )

    def watch(self, promise_id: str, notify: Callable[[], None], *, closely: bool = False) -> Callable[[], None]:
        return self._watchers.watch(promise_id, notify, closely=closely)
