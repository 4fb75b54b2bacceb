"""Telling the store that Celery knows an outcome, in batches: it is bookkeeping, and not in anybody's way."""

from __future__ import annotations

import logging
import threading
import time

from durable_celery.errors import StoreUnavailable
from durable_celery.store import GRACE_MS, Store

logger = logging.getLogger("durable_celery")

#: Well below the grace after which the sweep would publish a settled execution once more.
PAUSE_S = GRACE_MS / 1000 / 8


class Mirror:
    """Collects ids whose outcome Celery's result backend has, and reports them together."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pending: set[str] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, promise_id: str) -> None:
        """Report soon."""
        with self._changed:
            self._pending.add(promise_id)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._report_forever, name="durable-mirror", daemon=True)
                self._thread.start()
            self._changed.notify()

    def flush(self) -> None:
        """Report now. What cannot be reported is published once more by a sweep, which does no harm."""
        with self._changed:
            pending, self._pending = self._pending, set()
        if pending:
            try:
                self._store.mirrored(pending)
            except StoreUnavailable as error:
                logger.debug("outcomes not reported as mirrored: %s", error)

    def _report_forever(self) -> None:
        while True:
            with self._changed:
                while not self._pending:
                    if not self._changed.wait(timeout=30) and not self._pending:
                        self._thread = None
                        return
            time.sleep(PAUSE_S)
            self.flush()
