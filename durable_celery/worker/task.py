"""DurableTask: a registered function as a Celery task. Task id and promise id are one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from celery import Task, states
from celery.exceptions import Ignore
from celery.result import AsyncResult

from durable_celery import ids
from durable_celery.engine import Departure, Left
from durable_celery.errors import ExecutionFailed, Expired, PayloadUnreadable
from durable_celery.promise import Outcome, Phase, Promise, State
from durable_celery.store import GRACE_MS
from durable_celery.worker import envelope, strategy
from durable_celery.worker import options as asked
from durable_celery.worker.publisher import HINT

if TYPE_CHECKING:
    from durable_celery.worker.binding import Binding

logger = logging.getLogger("durable_celery")

#: What `AsyncResult(id).state` says while nobody needs to work on an execution.
SUSPENDED = "SUSPENDED"
PARKED = "PARKED"
#: What Celery is told instead of a result that is kept encrypted.
ENCRYPTED = {"durable": "encrypted"}


if TYPE_CHECKING:
    Base = Task[Any, Any]
else:
    Base = Task


class DurableTask(Base):
    """The base of every task made by `Durable.register`.

    Acknowledged early: recovery is the lease's, not the broker's.
    """

    abstract = True
    acks_late = False
    reject_on_worker_lost = False
    track_started = False
    ignore_result = False
    serializer = "json"
    Request = "durable_celery.worker.request:DurableRequest"
    Strategy = strategy.PATH
    binding: Binding
    function = ""
    version = 1

    # Starting: Celery's own faces

    def apply_async(  # type: ignore[override]  # the stubs fix what Celery leaves open
        self,
        args: Any = None,
        kwargs: Any = None,
        task_id: str | None = None,
        **options: Any,
    ) -> Any:
        """Record the execution, then hint at it. Raises IdConflict when `task_id` is taken by another call."""
        asked.check(self.function, options)
        options = asked.by_name(options)
        promise_id = ids.check_any(task_id) if task_id else ids.new_id()
        args, kwargs = tuple(args or ()), dict(kwargs or {})
        if self.app.conf.task_always_eager:
            return super().apply_async(args, kwargs, task_id=promise_id, **options)
        with asked.first_message(options):
            self.binding.start(self, promise_id, args, kwargs, options, envelope.of_call(options))
        return self._result(promise_id, options)

    def _result(self, promise_id: str, options: dict[str, Any]) -> Any:
        """What a caller gets; a caller that is a task itself keeps it among its children."""
        app: Any = self.app
        result: Any = AsyncResult(promise_id, app=app, backend=self.backend)
        parent = app.current_worker_task if options.get("add_to_parent", True) else None
        if parent:
            parent.add_trail(result)
        return result

    # Carrying on: one message is one attempt

    def run(self, *args: Any, **kwargs: Any) -> Any:
        request: Any = self.request
        if request.is_eager and self.app.conf.task_always_eager:
            return self.binding.inline(self.function, self.version, request.id, args, kwargs)
        if request.called_directly or request.is_eager:
            raise TypeError(
                f"{self.function!r} is durable: start it with .run(id, …), .call(id, …) or .delay(…); "
                "its plain function is .fn"
            )
        left = self._attempt(ids.check_any(request.id))
        if left.departure is Departure.REFUSED and left.promise is None and not request.get(HINT):
            self._accept(request, args, kwargs)
            left = self._attempt(request.id)
        if left.departure is not Departure.SETTLED or left.promise is None or left.outcome is None:
            raise Ignore(self._left(left, request))
        return self._settled(left.promise, left.outcome, request)

    def _attempt(self, promise_id: str) -> Left:
        try:
            return self.binding.engine.attempt(promise_id, self.binding.process.holder, self._started)
        except SystemExit:  # a signal ends this process: let another one go on, without waiting for the lease
            self.binding.crashed(promise_id, "its process was told to end")
            raise
        except Exception as error:
            logger.exception("the attempt at %s failed outside its function", promise_id)
            self.binding.crashed(promise_id, f"an attempt failed outside the function: {error!r}")
            raise Ignore(Departure.LOST.value) from error

    def _accept(self, request: Any, args: Any, kwargs: Any) -> None:
        """Record a call that came as a plain message; what it did wrong is the task's failure."""
        options = {"queue": envelope.queue_of(request)}
        try:
            self.binding.record(self, request.id, args, kwargs, options, envelope.of_request(self, request))
        except Expired as expired:  # a duplicate that comes late: Celery keeps what it was told of the first one
            logger.warning("a message is dropped: %s", expired)
            raise Ignore(Departure.REFUSED.value) from expired

    def _started(self, promise: Promise) -> None:
        meta = {"pid": self.binding.pid, "hostname": self.request.hostname, "attempt": promise.attempt}
        self._show(promise.id, meta, states.STARTED)

    def _left(self, left: Left, request: Any) -> str:
        """Show in the result backend how an unsettled execution stands; the reason for the main process."""
        if left.departure is Departure.SUSPENDED:
            self._show(request.id, {"durable": "suspended"}, SUSPENDED)
        elif left.departure is Departure.PARKED:
            self._show(request.id, {"durable": left.reason}, PARKED)
        elif left.promise is not None and left.promise.phase is Phase.SUSPENDED:  # a hint that came too late
            return Departure.SUSPENDED.value
        return left.departure.value

    def _show(self, promise_id: str, meta: dict[str, Any], state: str) -> None:
        """For people to see; an execution does not fail for the lack of it."""
        if self.request.ignore_result:
            return
        try:
            self.backend.store_result(promise_id, meta, state, request=self.request)
        except Exception as error:
            logger.warning("the result backend was not told that %s is %s: %s", promise_id, state, error)

    def _settled(self, promise: Promise, outcome: Outcome, request: Any) -> Any:
        """Hand the outcome to Celery, which stores it and fires callbacks; not a second time."""
        if promise.mirrored:
            raise Ignore(outcome.state.value)
        if self._being_told(promise):
            raise Ignore(Departure.SETTLED.value)
        if outcome.state is State.CANCELED:
            self.backend.mark_as_revoked(
                promise.id, "cancelled", request=request, store_result=not request.ignore_result
            )
            self._mirrored(promise.id, request)
            raise Ignore(State.CANCELED.value)
        return self._for_celery(promise, outcome, request)

    def _for_celery(self, promise: Promise, outcome: Outcome, request: Any) -> Any:
        """What Celery keeps of an outcome: all of it, unless it is encrypted and no canvas needs it."""
        codec = self.binding.codec
        try:
            if not codec.seal.hides or envelope.has_canvas(request) or outcome.state is State.TIMEDOUT:
                return codec.unwrap(outcome, promise.id)
        except PayloadUnreadable as error:
            logger.error("the outcome of %s is not shown to Celery now, it will be: %s", promise.id, error)
            raise Ignore(promise.state.value) from None
        if outcome.resolved:
            return dict(ENCRYPTED)
        raise ExecutionFailed("encrypted", f"durable.get({promise.id!r}).result() raises what it failed with")

    def _being_told(self, promise: Promise) -> bool:
        """Whether another process has only just settled it, and is handing over its outcome at this moment.

        Should that one have died, the sweep hints again when the grace is over.
        """
        if promise.settled_at is None or promise.state not in (State.RESOLVED, State.REJECTED):
            return False
        return 0 <= self.binding.engine.clock.now_ms() - promise.settled_at < GRACE_MS / 2

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        self._mirrored(task_id, self.request)

    def on_failure(self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        self._mirrored(task_id, self.request)

    def _mirrored(self, promise_id: str, request: Any) -> None:
        if request.is_eager:
            return
        self.binding.mirror.add(promise_id)
        if envelope.has_canvas(request):  # callbacks have been sent: say so before anything can go wrong
            self.binding.mirror.flush()
