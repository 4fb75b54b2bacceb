"""One attempt as a pipeline: claim, replay and perform, then settle, suspend, release or park."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from durable_celery import telemetry
from durable_celery.attempt import Attempt
from durable_celery.calls import Info
from durable_celery.clock import Clock
from durable_celery.codec import Codec
from durable_celery.context import Context, perform
from durable_celery.errors import (
    Cancelled,
    ControlFlow,
    Interrupted,
    LeaseLost,
    Parking,
    Released,
    Suspended,
    TerminalError,
    TimedOut,
)
from durable_celery.journal import BODY
from durable_celery.lease import Keeper
from durable_celery.op import Tasks
from durable_celery.operations.pause import Pause, next_try
from durable_celery.promise import Outcome, Promise, State
from durable_celery.registry import Registered, Registry, check_arguments
from durable_celery.retry import NEVER, RetryPolicy
from durable_celery.settings import DEFAULT_MAX_ENTRIES
from durable_celery.store import Claimed, Ready, Refusal, Refused, Store

logger = logging.getLogger("durable_celery")
Publish = Callable[[Sequence[Ready]], None]
_CANCELLED = Outcome(State.CANCELED, "")
#: Seconds after an attempt that failed outside its function; twice as long after each one in a row.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 10.0


class Departure(StrEnum):
    """How an attempt left its execution."""

    SETTLED = "settled"
    SUSPENDED = "suspended"
    RELEASED = "released"
    PARKED = "parked"
    LOST = "lost"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Left:
    """An attempt's end: how it left, and for a settled execution its record and outcome."""

    departure: Departure
    promise: Promise | None = None
    outcome: Outcome | None = None
    reason: str = ""


class Engine:
    """Makes attempts. One per process; every part is handed in."""

    def __init__(
        self,
        *,
        store: Store,
        codec: Codec,
        registry: Registry,
        keeper: Keeper,
        clock: Clock,
        publish: Publish,
        lease_ms: int,
        max_entries: int = DEFAULT_MAX_ENTRIES,
        draining: Callable[[], bool] = lambda: False,
        retry: RetryPolicy = NEVER,
        dependencies: Mapping[str, Any] | None = None,
        tasks: Tasks | None = None,
        cancel_grace_ms: int = 0,
        log_lines: int = 0,
        pause: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.store = store
        self.codec = codec
        self.registry = registry
        self.keeper = keeper
        self.clock = clock
        self.publish = publish
        self.lease_ms = lease_ms
        self.max_entries = max_entries
        self.draining = draining
        self.pause = pause
        self.retry = retry
        self.dependencies = dependencies if dependencies is not None else {}
        self.tasks = tasks
        self.cancel_grace_ms = cancel_grace_ms
        self.log_lines = log_lines

    def attempt(self, promise_id: str, holder: str, on_claimed: Callable[[Promise], None] | None = None) -> Left:
        """Try to carry one execution on; `on_claimed` is told when this attempt has it.

        Raises what went wrong outside the function; the caller reports it as a crash.
        """
        asked_ms = self.clock.monotonic_ms()
        claimed = self.store.claim(promise_id, holder, self.lease_ms)
        if isinstance(claimed, Refused):
            return _refused(claimed)
        attempt = Attempt(
            claimed,
            store=self.store,
            codec=self.codec,
            registry=self.registry,
            keeper=self.keeper,
            clock=self.clock,
            publish=self._publish,
            draining=self.draining,
            max_entries=self.max_entries,
            retry=self.retry,
            dependencies=self.dependencies,
            tasks=self.tasks,
            cancel_grace_ms=self.cancel_grace_ms,
        )
        with self.keeper.keep(claimed.hold, attempt.lost, asked_ms, attempt.cancelled) as lease:
            attempt.fence.lease = lease
            attempt.fence.log_lines = self.log_lines
            try:
                if on_claimed is not None:
                    on_claimed(claimed.promise)
                telemetry.emit(telemetry.CLAIMED, id=promise_id, promise=claimed.promise, holder=holder)
                left = self._carry(attempt, claimed)
            except Exception:  # it will be tried again: not so soon that what is broken parks it before it is mended
                self.pause(min(_FIRST_PAUSE_S * 2**claimed.promise.crashes, _LONGEST_PAUSE_S))
                raise
            finally:
                attempt.end()
        telemetry.emit(f"execution.{left.departure}", id=promise_id, left=left)
        return left

    def _carry(self, attempt: Attempt, claimed: Claimed) -> Left:
        """Perform the body and leave by the door that its end asks for."""
        try:
            try:
                return self._settle(attempt, claimed, self._perform(attempt, claimed))
            except Suspended:
                return Left(Departure.SUSPENDED, claimed.promise)
            except Released:
                attempt.join()
                self._publish(self.store.release(attempt.hold))
                return Left(Departure.RELEASED, claimed.promise)
            except Parking as parking:
                attempt.join()
                self.store.park(attempt.hold, parking.reason_text)
                logger.error("%s is parked: %s", claimed.promise.id, parking.reason_text)
                return Left(Departure.PARKED, claimed.promise, reason=parking.reason_text)
        except Interrupted as interrupted:
            attempt.join()
            raise interrupted.error from None
        except LeaseLost:
            logger.info("%s is no longer held here; nothing more is written", claimed.promise.id)
            self._give_back(attempt)
            return Left(Departure.LOST, claimed.promise)

    def _give_back(self, attempt: Attempt) -> None:
        """Let it be replayed at once when it is held here still in the eyes of a store that lost its tail."""
        if attempt.fence.rolled_back:
            try:
                self._publish(self.store.release(attempt.hold))
            except LeaseLost:
                pass  # the claim itself was lost

    def _perform(self, attempt: Attempt, claimed: Claimed) -> Outcome:
        """The outcome of the body, after as many tries as its policy gives a body that only computes."""
        try:
            return self._tried(attempt, claimed)
        except Cancelled:  # between two tries
            return _CANCELLED

    def _tried(self, attempt: Attempt, claimed: Claimed) -> Outcome:
        for failed in attempt.journal.tries(BODY)[-1:]:
            attempt.wait(Pause(attempt, BODY, failed))
        while True:
            outcome, error, retry = self._try(attempt, claimed)
            # A body that made operations would only be told again how they ended.
            if error is None or not attempt.journal.untouched:
                return outcome
            again = next_try(attempt, BODY, claimed.promise.function, retry, error, outcome)
            if again is None:
                return outcome
            attempt.wait(Pause(attempt, BODY, again))

    def _try(self, attempt: Attempt, claimed: Claimed) -> tuple[Outcome, BaseException | None, RetryPolicy]:
        """One call of the body: its outcome, whatever it raises that is not control flow, and its policy."""
        promise, retry = claimed.promise, NEVER
        try:
            entry = self.registry.get(promise.function, promise.version)
            retry = entry.options.retry or NEVER
            value = self._call(attempt, entry, promise)
            return self.codec.success(value, f"the result of {promise.function!r} ({promise.id})"), None, retry
        except ControlFlow:
            raise
        except Exception as error:
            attempt.check_open()
            attempt.outlast()
            attempt.join()
            if not isinstance(error, TerminalError) or isinstance(error, Cancelled | TimedOut):
                attempt.state.discard()
            if isinstance(error, Cancelled) and attempt.cancellation.heeded:
                return _CANCELLED, None, retry
            return self.codec.failure(error), error, retry
        except SystemExit as error:
            if type(error) is not SystemExit:
                raise
            attempt.outlast()
            attempt.join()
            attempt.state.discard()
            return self.codec.failure(error), error, NEVER

    def _call(self, attempt: Attempt, entry: Registered, promise: Promise) -> Any:
        args, kwargs = attempt.codec.decode(promise.args)
        check_arguments(entry, tuple(args), kwargs)
        context = Context if entry.handler is None else entry.handler.context
        ctx = context(attempt, _info(promise, attempt.codec))
        value = self.registry.around.perform(lambda: perform(ctx, entry.fn, args, kwargs))
        attempt.check_open()
        attempt.outlast()
        attempt.journal.check_passed(f"the end of {promise.function!r}")
        return value

    def _settle(self, attempt: Attempt, claimed: Claimed, outcome: Outcome) -> Left:
        attempt.fence.say(settling=True)
        self._publish(attempt.fence.fulfil(outcome, attempt.state.unwritten()))
        return Left(Departure.SETTLED, claimed.promise, outcome)

    def _publish(self, ready: Sequence[Ready]) -> None:
        """Hint that executions are ready. A failure costs time only: the sweep hints again."""
        if not ready:
            return
        try:
            self.publish(ready)
        except Exception as error:
            logger.warning("could not publish %s now, a sweep will: %s", [row.id for row in ready], error)


def _refused(refused: Refused) -> Left:
    promise = refused.promise
    if refused.why is Refusal.NEWER:
        logger.warning(
            "%s was written by a newer release of durable_celery; it is left to workers that have it",
            promise.id if promise is not None else "?",
        )
    if promise is not None and promise.state.settled:
        return Left(Departure.SETTLED, promise, Outcome(promise.state, promise.value))
    return Left(Departure.REFUSED, promise)


def _info(promise: Promise, codec: Codec) -> Info:
    return Info(
        id=promise.id,
        function=promise.function,
        version=promise.version,
        attempt=promise.attempt,
        tree=promise.tree,
        tags=codec.decode(promise.tags) or {},
        created_at=promise.created_at,
        deadline_at=promise.deadline_at,
        mirror=promise.mirror,
        queue=promise.queue,
        object=promise.object,
        access=promise.access,
        held=promise.held,
        args=promise.args,
    )
