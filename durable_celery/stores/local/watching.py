"""Who is told when a promise may have settled."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

Notify = Callable[[], None]


class Watchers:
    """Callables by promise id, under the store's lock."""

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._by_id: dict[str, list[Notify]] = {}

    def of(self, promise_id: str) -> Sequence[Notify]:
        return tuple(self._by_id.get(promise_id, ()))

    def watch(self, promise_id: str, notify: Notify) -> Callable[[], None]:
        """Add one; returns what removes it."""
        with self._lock:
            self._by_id.setdefault(promise_id, []).append(notify)
        return lambda: self._unwatch(promise_id, notify)

    def _unwatch(self, promise_id: str, notify: Notify) -> None:
        with self._lock:
            waiting = self._by_id.get(promise_id, [])
            if notify in waiting:
                waiting.remove(notify)
            if not waiting:
                self._by_id.pop(promise_id, None)
