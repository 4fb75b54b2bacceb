"""The sweeper: a worker bootstep that looks after executions nobody holds.

Several times a second it asks whether a worker is gone, and at least once a
second it applies what is due and publishes what nobody picked up. Any number
of workers may do so at once.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from celery import bootsteps, signals
from kombu.asynchronous import get_event_loop

from durable_celery import telemetry
from durable_celery.errors import StoreUnavailable
from durable_celery.presence import Presence
from durable_celery.store import Store, Sweep
from durable_celery.worker import patience
from durable_celery.worker.binding import Binding
from durable_celery.worker.children import Children
from durable_celery.worker.revoked import Revoked
from durable_celery.worker.tender import Tender

logger = logging.getLogger("durable_celery")

TICK_S = 0.25
SWEEP_S = 1.0
#: Calls made on the worker's own loop must not stop it for longer.
PATIENCE_S = 1.0
#: From this backlog on it is asked how many hints still wait in the queue before more are sent.
LONG_BACKLOG = 50


class Sweeper(bootsteps.StartStopStep):
    """Made for one application by `sweeper_for`."""

    requires = ("celery.worker.components:Timer", "celery.worker.components:Pool")
    binding: Binding

    def __init__(self, worker: Any, **kwargs: Any) -> None:
        super().__init__(worker, **kwargs)
        self._uid = f"durable-{id(self)}"
        self.binding.enter(worker.hostname or "")  # before the pool forks
        signals.worker_shutting_down.connect(self._shutting_down, weak=False, dispatch_uid=self._uid)
        signals.worker_shutdown.connect(self._shut_down, weak=False, dispatch_uid=self._uid)
        self._timer: Any = None
        self._presence: Presence | None = None
        self._store: Store | None = None
        self._revoked = Revoked(self.binding.cancel)
        self._tender = Tender(self.binding.tasks, lambda: self.binding.settings().max_attempts)
        self._checked = False
        self._attending = False
        self._sweep_at = 0.0
        self._tend_at = 0.0
        self._rest_until = 0.0

    def start(self, worker: Any) -> None:
        self._store = self.binding.open_store(PATIENCE_S)
        self._check(self._store)
        if patience.is_endless(worker.app):
            logger.warning("a broker that is gone without a word is waited for without end: set %s", patience.ADVICE)
        self._presence = self._store.presence(self.binding.process.node)
        self._attend()
        self.binding.children = Children(get_event_loop(), self.binding.crashed)
        self._timer = worker.timer.call_repeatedly(TICK_S, self._tick)

    def stop(self, worker: Any) -> None:
        """The pool may still be at work: what it has is handed over, and presence lasts until the worker is down."""
        self.binding.process.drain()
        logger.info("executions of this worker are handed over at their next checkpoint")
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.binding.children is not None:
            self.binding.children.close()
            self.binding.children = None

    def terminate(self, worker: Any) -> None:
        self.stop(worker)

    def info(self, worker: Any) -> dict[str, Any]:
        """Shown by `celery inspect stats`."""
        return {"durable": {"node": self.binding.process.node, "functions": self.binding.registry.names()}}

    def _shutting_down(self, **_: Any) -> None:
        self.binding.process.drain()

    def _shut_down(self, **_: Any) -> None:
        signals.worker_shutting_down.disconnect(dispatch_uid=self._uid)
        signals.worker_shutdown.disconnect(dispatch_uid=self._uid)
        if self._presence is not None:
            self._presence.leave()
            self._presence = None

    def _check(self, store: Store) -> None:
        try:
            store.check()
            self._checked = True
        except StoreUnavailable as error:
            logger.warning("the store cannot be reached yet: %s", error)

    def _attend(self) -> None:
        try:
            if self._presence is not None:
                self._presence.attend()
                self._attending = True
        except Exception as error:
            logger.warning("not present yet, leases alone tell of a crash: %s", error)

    def _tick(self) -> None:
        """Never raises: an error that left here would restart the worker's consumer."""
        now = time.monotonic()
        if now < self._rest_until or self._store is None:
            return
        try:
            self._look_for_the_gone(self._store)
            if now >= self._sweep_at:
                self._sweep(self._store)
        except Exception as error:
            self._rest_until = time.monotonic() + SWEEP_S
            logger.warning("a sweep failed and will be repeated: %s", error)

    def _look_for_the_gone(self, store: Store) -> None:
        for node in self._presence.gone() if self._presence is not None else ():
            ready = store.lapse(node, self.binding.settings().max_attempts, f"its worker {node} is gone")
            telemetry.emit(telemetry.WORKER_GONE, node=node, taken_over=[row.id for row in ready])
            logger.warning("worker %s is gone; %d of its executions go on elsewhere", node, len(ready))
            self.binding.publish(ready)

    def _sweep(self, store: Store) -> None:
        if not self._checked:
            self._check(store)
        if not self._attending:
            self._attend()
        self._revoked.look()
        found = store.sweep(self.binding.settings().max_attempts)
        due_s = SWEEP_S if found.next_due_ms is None else found.next_due_ms / 1000
        self._sweep_at = time.monotonic() + min(SWEEP_S, due_s)
        for promise_id in found.parked:
            self.binding.show_parked(promise_id)
        self.binding.publish(self._worth_publishing(found))
        if time.monotonic() >= self._tend_at and not self.binding.process.draining():
            self._tend_at = time.monotonic() + SWEEP_S
            self._tender.look(store)

    def _worth_publishing(self, found: Sweep) -> Any:
        """Not more hints than executions: behind a long queue every sweep would add to it."""
        if found.backlog <= LONG_BACKLOG or not found.ready:
            return found.ready
        worth: list[Any] = []
        for queue in {row.queue for row in found.ready}:
            waiting = self.binding.publisher.depth(queue)
            rows = [row for row in found.ready if row.queue == queue]
            worth += rows[: max(found.backlog - waiting, 0)]
        return worth


def sweeper_for(binding: Binding) -> type[Sweeper]:
    """The bootstep of one application."""
    return type("DurableSweeper", (Sweeper,), {"binding": binding})
