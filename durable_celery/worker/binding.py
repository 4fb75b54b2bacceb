"""The binding of durable functions to one Celery application: what tasks, requests and the sweeper share."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from celery import Celery

from durable_celery.clock import SystemClock
from durable_celery.codec import Codec
from durable_celery.engine import Engine
from durable_celery.errors import DurableError, PromiseNotFound, StoreFull, StoreUnavailable
from durable_celery.hint import Hint
from durable_celery.lease import Keeper
from durable_celery.registry import Registered, Registry, signature_of
from durable_celery.settings import Settings
from durable_celery.start import Starter
from durable_celery.store import Ready, Store
from durable_celery.worker import options as asked
from durable_celery.worker.children import Children
from durable_celery.worker.mirror import Mirror
from durable_celery.worker.process import Process, tell_termination_apart
from durable_celery.worker.publisher import Publisher, task_name
from durable_celery.worker.task import PARKED, DurableTask
from durable_celery.worker.tasks import CeleryTasks

logger = logging.getLogger("durable_celery")
Inline = Callable[[str, int, str, tuple[Any, ...], dict[str, Any]], Any]


class Binding:
    """One per application. What belongs to a process is made again after a fork."""

    def __init__(
        self,
        app: Celery,
        *,
        registry: Registry,
        codec: Codec,
        settings: Callable[[], Settings],
        open_store: Callable[[float | None], Store],
        starter: Starter,
        inline: Inline,
        dependencies: Mapping[str, Any],
        tasks: CeleryTasks,
    ) -> None:
        self.app = app
        self.registry = registry
        self.codec = codec
        self.settings = settings
        self.open_store = open_store
        self.inline = inline
        self.dependencies = dependencies
        self.tasks = tasks
        self.publisher = Publisher(app)
        self.process = Process()
        self.children: Children | None = None
        #: The main process of a worker looks at how the store is set up, once for all its pool processes.
        self.in_worker = False
        self._starter = starter
        self._tasks: dict[tuple[str, int], Any] = {}
        self._pid = 0

    @property
    def pid(self) -> int:
        """This process."""
        return os.getpid()

    @property
    def engine(self) -> Engine:
        """This process's engine. Its store waits for as long as Redis is away: work in hand is not thrown away."""
        self._for_this_process()
        return self._engine

    @property
    def mirror(self) -> Mirror:
        """This process's reports of what Celery's result backend knows."""
        self._for_this_process()
        return self._mirror

    def _for_this_process(self) -> None:
        if self._pid == os.getpid():
            return
        tell_termination_apart()
        store, now = self.open_store(None), SystemClock()
        self._mirror = Mirror(store)
        self._engine = Engine(
            store=store,
            codec=self.codec,
            registry=self.registry,
            keeper=Keeper(store, now),
            clock=now,
            publish=self.publish,
            lease_ms=self.settings().lease_ms,
            max_entries=self.settings().max_entries,
            cancel_grace_ms=self.settings().cancel_grace_ms,
            log_lines=self.settings().log_lines,
            pause=time.sleep,
            draining=self.process.draining,
            dependencies=self.dependencies,
            tasks=self.tasks,
        )
        self._pid = os.getpid()

    def enter(self, hostname: str) -> None:
        """Become a worker; called in its main process before the pool forks."""
        self.process = Process(hostname)
        self.in_worker = True
        self._pid = 0

    def bind(self, registered: Registered) -> Any:
        """The Celery task of a durable function, made when the application is finalized."""
        _refuse_celery_retries(registered)

        def run(self: DurableTask, *args: Any, **kwargs: Any) -> Any:
            return DurableTask.run(self, *args, **kwargs)

        run.__name__ = run.__qualname__ = re.sub(r"\W", "_", registered.name)  # Celery compiles it
        run.__doc__ = registered.fn.__doc__
        run.__module__ = getattr(registered.fn, "__module__", __name__)
        signature = signature_of(registered.fn)
        if signature is not None:  # the first parameter is the ctx; with bind=True Celery leaves it out
            run.__signature__ = signature  # type: ignore[attr-defined]
        task = self.app.task(
            bind=True,
            base=DurableTask,
            name=task_name(registered.name, registered.version),
            shared=False,
            binding=self,
            function=registered.name,
            version=registered.version,
        )(run)
        self._tasks[registered.name, registered.version] = task
        return task

    def task_of(self, registered: Registered) -> Any:
        """The Celery task that was made for a function."""
        return self._tasks[registered.name, registered.version]

    def start(
        self, task: DurableTask, promise_id: str, args: Any, kwargs: Any, options: dict[str, Any], canvas: str
    ) -> None:
        """What `apply_async` does: record the execution, then hint at it."""
        self._starter.start(
            promise_id, task.function, task.version, args, kwargs, asked.of_call(self.app, options), canvas
        )

    def record(
        self, task: DurableTask, promise_id: str, args: Any, kwargs: Any, options: dict[str, Any], canvas: str
    ) -> None:
        """Record an execution that arrived as a plain Celery message, for as long as it takes: it has no other copy."""
        while True:
            try:
                self._starter.record(
                    promise_id, task.function, task.version, args, kwargs, asked.of_call(self.app, options), canvas
                )
                return
            except StoreUnavailable as error:
                logger.warning("%s is not recorded yet: %s", promise_id, error)

    def publish(self, ready: Sequence[Ready]) -> None:
        """Hint at executions that are ready. Never raises: what is not published now, a sweep publishes.

        A worker that shuts down says it twice: for a second its connection still
        takes a message, the first one maybe, and executes nothing any more.
        """
        if not ready:
            return
        try:
            self.publisher.publish(list(ready) * (2 if self.process.draining() else 1))
        except Exception as error:
            logger.warning("could not publish %s now, a sweep will: %s", [row.id for row in ready], error)

    def enclosed(self, row: Ready) -> Hint | None:
        """The hint at an execution that is made now, to go with its record; None where it is to be published."""
        return None if self.process.draining() else self.publisher.enclosed(row)

    def accepted(self, pid: int, promise_id: str) -> None:
        """A pool process has taken an execution up; called in the main process."""
        if self.children is not None:
            self.children.accepted(pid, promise_id)

    def crashed(self, promise_id: str, reason: str, pid: int | None = None) -> None:
        """Tell the store that a process which may hold this execution is dead. Never raises."""
        holder = self.process.holder if pid is None else self.process.holder_of(pid)
        try:
            store = self.open_store(1.0)
            ready = store.crashed(promise_id, holder, self.settings().max_attempts, reason)
            if store.get(promise_id).status == "parked":
                self.show_parked(promise_id)
            self.publish(ready)
        except Exception as error:
            logger.warning("could not report the crash of %s, its lease will end by itself: %s", promise_id, error)

    def cancel(self, promise_id: str) -> bool:
        """Celery revoked the task: cancel the execution, if it is one. Never raises; answers whether that is done."""
        try:
            self.publish(self.open_store(1.0).cancel(promise_id, self.settings().cancel_grace_ms)[2])
        except PromiseNotFound:
            logger.debug("%s was revoked, and is no durable execution", promise_id)
        except (StoreUnavailable, StoreFull) as error:
            logger.warning("could not cancel the revoked %s yet: %s", promise_id, error)
            return False
        except Exception as error:
            logger.warning("could not cancel the revoked %s: %s", promise_id, error)
        return True

    def show_parked(self, promise_id: str) -> None:
        """Let `AsyncResult(id).state` say that an execution is parked, and why. Never raises."""
        try:
            reason = self.open_store(1.0).get(promise_id).reason
            logger.error("%s is parked: %s", promise_id, reason)
            self.app.backend.store_result(promise_id, {"durable": reason}, PARKED)
        except Exception as error:
            logger.warning("could not show that %s is parked: %s", promise_id, error)


def _refuse_celery_retries(registered: Registered) -> None:
    extra = getattr(registered.fn, "__dict__", {})
    if extra.get("autoretry_for"):
        raise DurableError(
            f"{registered.name!r}: autoretry_for would send the same id again from the start; retry its steps instead"
        )
