"""Local mode: attempts on threads of this process, and a timer instead of workers' sweeps."""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from durable_celery.clock import Clock, SystemClock
from durable_celery.codec import Codec
from durable_celery.engine import Departure, Engine
from durable_celery.lease import Keeper
from durable_celery.op import Tasks
from durable_celery.registry import Registry
from durable_celery.settings import Settings
from durable_celery.store import GRACE_MS, Ready, Store
from durable_celery.stores.local import LocalStore

logger = logging.getLogger("durable_celery")

#: How many executions run at once; suspended ones do not count.
DEFAULT_THREADS = 32
#: The sweep looks at least this often.
_LONGEST_PAUSE_S = 1.0
#: After a sweep that found what others have to execute: long enough for their next sweep to find it first.
_STEP_BACK_S = GRACE_MS / 1000 + 1.5 * _LONGEST_PAUSE_S
_HOLDER = "local"


class InProcess:
    """Publishes by putting ids on a queue that daemon threads of this process serve."""

    def __init__(
        self,
        store: Store,
        *,
        registry: Registry,
        codec: Codec,
        settings: Settings,
        dependencies: Mapping[str, Any] | None = None,
        tasks: Tasks | None = None,
        clock: Clock | None = None,
        threads: int = DEFAULT_THREADS,
    ) -> None:
        self._store = store
        self._max_attempts = settings.max_attempts
        self._registry = registry
        self._limit = threads
        self._lock = threading.Lock()
        self._over = False
        now = clock or SystemClock()
        self._engine = Engine(
            store=store,
            codec=codec,
            registry=registry,
            keeper=Keeper(store, now),
            clock=now,
            publish=self.publish,
            lease_ms=settings.lease_ms,
            max_entries=settings.max_entries,
            cancel_grace_ms=settings.cancel_grace_ms,
            log_lines=settings.log_lines,
            pause=time.sleep,
            dependencies=dependencies,
            tasks=tasks,
        )
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._threads = 0
        self._idle = 0
        self._look = threading.Event()
        self._closed = threading.Event()
        self._sweeping = False

    def publish(self, ready: Sequence[Ready]) -> None:
        """Have each attempted on a thread of the pool."""
        if self._pid != os.getpid():
            self._lock = threading.Lock()
            self._reset()
        with self._lock:
            if self._over:  # what an attempt still at work says is ready is found by whoever comes next
                return
            self._start_sweeping()
            for row in ready:
                self._queue.put(row.id)
                if self._idle < self._queue.qsize() and self._threads < self._limit:
                    self._threads += 1
                    threading.Thread(target=self._serve, name="durable-local", daemon=True).start()

    def close(self) -> None:
        """Take nothing up any more, and end the threads once they are idle; promises stay."""
        with self._lock:
            self._over = True
            self._closed.set()
            self._look.set()
            for _ in range(self._threads):
                self._queue.put(None)

    def _serve(self) -> None:
        jobs = self._queue
        while True:
            with self._lock:
                self._idle += 1
            promise_id = jobs.get()
            with self._lock:
                self._idle -= 1
            if promise_id is None:
                return
            self._attempt(promise_id)

    def _attempt(self, promise_id: str) -> None:
        holder = f"{_HOLDER}/{self._pid}"
        try:
            left = self._engine.attempt(promise_id, holder)
        except Exception as error:
            logger.exception("the attempt at %s failed outside its function", promise_id)
            reason = f"an attempt failed outside the function: {error!r}"
            self.publish(self._store.crashed(promise_id, holder, self._max_attempts, reason))
            return
        if left.departure is Departure.SUSPENDED:
            self._look.set()

    def _ours(self, row: Ready) -> bool:
        """Whether this process is to execute it: in a Redis there may be executions of others, who sweep as well."""
        return isinstance(self._store, LocalStore) or self._registry.has(row.function, row.version)

    def _start_sweeping(self) -> None:
        if not self._sweeping:
            self._sweeping = True
            args = (self._look, self._closed)
            threading.Thread(target=self._sweep, args=args, name="durable-local-sweep", daemon=True).start()

    def _sweep(self, look: threading.Event, closed: threading.Event) -> None:
        pause_s = _LONGEST_PAUSE_S
        while True:
            look.wait(pause_s)
            look.clear()
            if closed.is_set():
                return
            try:
                found = self._store.sweep(self._max_attempts)
                ours = [row for row in found.ready if self._ours(row)]
                self.publish(ours)
            except Exception:
                logger.exception("a sweep failed")
                continue
            due_s = _LONGEST_PAUSE_S if found.next_due_ms is None else found.next_due_ms / 1000
            pause_s = min(_LONGEST_PAUSE_S, due_s) if len(ours) == len(found.ready) else _STEP_BACK_S
