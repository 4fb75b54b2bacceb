"""Starting an execution: from a call to a recorded promise."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from durable_celery.codec import Codec
from durable_celery.errors import FunctionNotFound, IdConflict
from durable_celery.hint import Hint
from durable_celery.newpromise import NewPromise
from durable_celery.promise import Access, Phase
from durable_celery.registry import Options, Registered, Registry, check_arguments
from durable_celery.settings import Settings
from durable_celery.store import Created, Ready, Store

logger = logging.getLogger("durable_celery")


class Target(NamedTuple):
    """The virtual object or workflow that a call is made to, and what it may do there."""

    object: str = ""
    access: Access = Access.SHARED


_NONE = Target()


def _nothing(_: Ready) -> Hint | None:
    return None


class Starter:
    """Records executions and hints that they are ready. The parts are asked for at each call."""

    def __init__(
        self,
        *,
        registry: Registry,
        codec: Codec,
        settings: Callable[[], Settings],
        store: Callable[[], Store],
        publish: Callable[[Sequence[Ready]], None],
        mirror: bool,
        enclosed: Callable[[Ready], Hint | None] = _nothing,
    ) -> None:
        self._registry = registry
        self._codec = codec
        self._settings = settings
        self._store = store
        self._publish = publish
        self._enclosed = enclosed
        self._mirror = mirror

    def start(
        self,
        promise_id: str,
        function: str,
        version: int,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: Options,
        canvas: str = "",
        target: Target = _NONE,
    ) -> Created:
        """Record and publish. Attaches to an execution of the same call; raises IdConflict for another one.

        Raises Expired for a burnt id, and TooManyExecutions.
        """
        call = (promise_id, function, version, args, kwargs, options, canvas, target)
        created = self.record(*call, enclosed=self._enclosed)
        p = created.promise
        if created.fresh and not created.hinted:
            # Nothing is ready before a delay is over; but who sweeps in this process has to begin.
            row = Ready(p.id, p.function, p.version, p.queue, p.priority, p.canvas)
            try:
                self._publish([row] if p.phase is Phase.READY and p.not_before_at is None else [])
            except Exception as error:
                logger.warning("%s is recorded but could not be published now; a sweep will do it: %s", p.id, error)
        return created

    def wake(self) -> None:
        """Have executions that are due attempted, where they are executed in this process."""
        self._publish([])

    def record(
        self,
        promise_id: str,
        function: str,
        version: int,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: Options,
        canvas: str = "",
        target: Target = _NONE,
        enclosed: Callable[[Ready], Hint | None] = _nothing,
    ) -> Created:
        """Record only: from here on it is accepted. `enclosed` makes the hint that goes with it, if any."""
        registered = self._registered(function, version)
        if registered is not None:
            check_arguments(registered, args, kwargs)
            options = options.over(registered.options)
        payload, digest = self._codec.call(function, args, kwargs)
        retention_ms = self._settings().retention_ms if options.retention_ms is None else options.retention_ms
        queue, priority = options.queue or "", "" if options.priority is None else str(options.priority)
        row = Ready(promise_id, function, version, queue, priority, canvas)
        created = self._store().create(
            NewPromise(
                id=promise_id,
                function=function,
                version=version,
                args=payload,
                digest=digest,
                queue=queue,
                priority=priority,
                canvas=canvas,
                timeout_ms=options.timeout_ms,
                delay_ms=options.delay_ms or 0,
                retention_ms=retention_ms,
                # Handlers are called by keys, which are to be free again after a time that they say.
                tombstone_ms=0 if target is not _NONE else self._settings().tombstone_of(retention_ms),
                max_pending=options.max_pending,
                tags=self._codec.encode(options.tags, "tags") if options.tags else "",
                mirror=self._mirror,
                object=target.object,
                access=target.access,
                # A call to an object may have to wait for its turn.
                hint=None if options.delay_ms or target is not _NONE else enclosed(row),
            )
        )
        found = created.promise
        if not created.fresh and (found.function, found.digest) != (function, digest):
            raise IdConflict.of(promise_id, found.function, function)
        return created

    def _registered(self, function: str, version: int) -> Registered | None:
        try:
            return self._registry.get(function, version)
        except FunctionNotFound:
            return None  # registered where it is executed; a name is enough here
