"""Who is told when a promise may have settled, and who when anything of it has changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from durable_celery.promise import Promise
from durable_celery.stores.local.row import Row

Notify = Callable[[], None]


class Watchers:
    """Callables by promise id, under the store's lock."""

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._by_id: dict[str, list[Notify]] = {}
        self._closely: dict[str, list[Notify]] = {}
        #: What those who watch closely were told of last: the record and the length of the journal.
        self._last: dict[str, tuple[Promise | None, int]] = {}

    def of(self, promise_id: str) -> Sequence[Notify]:
        return tuple(self._by_id.get(promise_id, ()))

    def moved(self, rows: Mapping[str, Row]) -> Sequence[Notify]:
        """Those who watch closely what the verb before has changed."""
        found: list[Notify] = []
        for promise_id, watching in self._closely.items():
            row, (promise, entries) = rows.get(promise_id), self._last[promise_id]
            now = (None, 0) if row is None else (row.promise, len(row.journal))
            if now[0] is not promise or now[1] != entries:
                self._last[promise_id] = now
                found += watching
        return found

    def watch(self, promise_id: str, notify: Notify, *, closely: bool = False) -> Callable[[], None]:
        """Add one; returns what removes it."""
        with self._lock:
            watching = self._closely if closely else self._by_id
            watching.setdefault(promise_id, []).append(notify)
            if closely:
                self._last.setdefault(promise_id, (None, 0))
        return lambda: self._unwatch(watching, promise_id, notify)

    def _unwatch(self, watching: dict[str, list[Notify]], promise_id: str, notify: Notify) -> None:
        with self._lock:
            waiting = watching.get(promise_id, [])
            if notify in waiting:
                waiting.remove(notify)
            if not waiting and watching.pop(promise_id, None) is not None and watching is self._closely:
                del self._last[promise_id]
