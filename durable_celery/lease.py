"""Keeping leases: one thread a process beats for every execution it holds."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from durable_celery.clock import Clock
from durable_celery.errors import StoreUnavailable
from durable_celery.store import Beat, Hold, Store

logger = logging.getLogger("durable_celery")

#: A step that runs for this long is made visible before its checkpoint.
MARK_AFTER_MS = 500
_LONGEST_PAUSE_MS = 1000


@dataclass(slots=True)
class Lease:
    """One held execution, as its keeper sees it."""

    hold: Hold
    on_lost: Callable[[], None]
    renewed_ms: float
    on_cancelled: Callable[[], None] = lambda: None
    #: What runs at the moment, `<path> <name> <started at>`, and since when by the monotonic clock.
    running: str = ""
    running_since_ms: float = 0.0
    told: str = ""
    #: How often the store had lost its tail when this was claimed.
    rollbacks: int = 0


class Keeper:
    """Renews leases every third of their length, and notes what long steps are at work."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._leases: dict[str, Lease] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextmanager
    def keep(
        self,
        hold: Hold,
        on_lost: Callable[[], None],
        asked_ms: float,
        on_cancelled: Callable[[], None] = lambda: None,
    ) -> Iterator[Lease]:
        """Beat for this hold, asked for at `asked_ms`, until the block ends.

        `on_lost` tells that it is somebody else's, `on_cancelled` that somebody cancels
        it. A second hold on the same execution proves that the first one is lost.
        """
        lease = Lease(hold, on_lost, asked_ms, on_cancelled, rollbacks=self._store.rollbacks)
        with self._changed:
            former = self._leases.get(hold.id)
            self._leases[hold.id] = lease
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._beat_forever, name="durable-lease", daemon=True)
                self._thread.start()
            self._changed.notify()
        if former is not None:
            former.on_lost()
        try:
            yield lease
        finally:
            with self._changed:
                if self._leases.get(hold.id) is lease:
                    del self._leases[hold.id]

    def confirm(self, lease: Lease) -> bool:
        """Whether the lease is still held: asks the store when it was not renewed for most of its length.

        It asks again when the answer itself was that long on its way.
        """
        while self._clock.monotonic_ms() - lease.renewed_ms >= lease.hold.lease_ms * 0.7:
            if not self._beat([lease]):
                return False
        return True

    def _beat_forever(self) -> None:
        while True:
            with self._changed:
                while not self._leases:
                    if not self._changed.wait(timeout=30) and not self._leases:
                        self._thread = None
                        return
                leases = list(self._leases.values())
                pause_ms = min(_LONGEST_PAUSE_MS, *(lease.hold.lease_ms / 3 for lease in leases))
            due = [lease for lease in leases if self._is_due(lease)]
            if due:
                try:
                    self._beat(due)
                except StoreUnavailable as error:
                    logger.warning("a heartbeat did not reach the store: %s", error)
                except Exception:
                    logger.exception("a heartbeat failed")
            time.sleep(pause_ms / 1000)

    def _is_due(self, lease: Lease) -> bool:
        now_ms = self._clock.monotonic_ms()
        unseen = lease.running != lease.told and now_ms - lease.running_since_ms >= MARK_AFTER_MS
        return unseen or now_ms - lease.renewed_ms >= lease.hold.lease_ms / 3 - _LONGEST_PAUSE_MS / 10

    def _beat(self, leases: list[Lease]) -> bool:
        """One call for all; True when none of them was lost."""
        asked_ms = self._clock.monotonic_ms()
        marks = [lease.running for lease in leases]
        found = self._store.beat([Beat(lease.hold, mark) for lease, mark in zip(leases, marks, strict=True)])
        for lease, mark in zip(leases, marks, strict=True):
            if lease.hold.id in found.lost or lease.rollbacks != self._store.rollbacks:
                lease.on_lost()
                continue
            lease.renewed_ms, lease.told = asked_ms, mark
            if lease.hold.id in found.cancelled:
                lease.on_cancelled()
        return not found.lost and all(lease.rollbacks == self._store.rollbacks for lease in leases)
