"""DurableTask: a registered function as a Celery task. Task id and promise id are one."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from celery import Task, states
from celery.exceptions import Ignore
from celery.result import AsyncResult, EagerResult

from durable_celery import ids
from durable_celery.engine import Departure, Left
from durable_celery.errors import DurableError
from durable_celery.promise import Outcome, Promise, State
from durable_celery.worker.publisher import HINT

if TYPE_CHECKING:
    from durable_celery.worker.binding import Binding

logger = logging.getLogger("durable_celery")

#: What `AsyncResult(id).state` says while nobody needs to work on an execution.
SUSPENDED = "SUSPENDED"
PARKED = "PARKED"
#: Options of `apply_async` that belong to the envelope a callback or canvas needs.
_CANVAS = ("link", "link_error", "chain", "chord", "group_id", "group_index", "group", "stamped_headers", "reply_to")
#: Options that mean something a durable execution does otherwise.
_REFUSED = {
    "expires": "an accepted execution is never dropped; give it a deadline with .options(timeout=…)",
    "retries": "attempts are counted by the store",
}


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
        for name, why in _REFUSED.items():
            if options.get(name):
                raise DurableError(f"{self.function!r} is durable and takes no {name}=: {why}")
        promise_id = ids.check_any(task_id) if task_id else ids.new_id()
        args, kwargs = tuple(args or ()), dict(kwargs or {})
        if self.app.conf.task_always_eager:
            return self._eager(promise_id, args, kwargs)
        self.binding.start(self, promise_id, args, kwargs, options, self._envelope(promise_id, args, kwargs, options))
        return AsyncResult(promise_id, app=self.app, backend=self.backend)

    def send_hint(self, args: Any, kwargs: Any, **options: Any) -> Any:
        """The message alone, for an execution that is recorded already."""
        return super().apply_async(args, kwargs, **options)

    def _envelope(self, promise_id: str, args: Any, kwargs: Any, options: dict[str, Any]) -> str:
        if not any(options.get(name) for name in _CANVAS):
            return ""
        kept = {
            name: value for name, value in options.items() if name not in ("producer", "connection", "countdown", "eta")
        }
        envelope = self.signature(args, kwargs, **kept).set(task_id=promise_id)
        return json.dumps(envelope, default=_plain)

    def _eager(self, promise_id: str, args: Any, kwargs: Any) -> EagerResult[Any]:
        try:
            value = self.binding.inline(self.function, self.version, promise_id, args, kwargs)
        except Exception as error:
            if self.app.conf.task_eager_propagates:
                raise
            return EagerResult(promise_id, error, states.FAILURE, name=self.name)
        return EagerResult(promise_id, value, states.SUCCESS, name=self.name)

    # Carrying on: one message is one attempt

    def run(self, *args: Any, **kwargs: Any) -> Any:
        request = self.request
        if request.called_directly or request.is_eager:
            raise TypeError(
                f"{self.function!r} is durable: start it with .run(id, …), .call(id, …) or .delay(…); "
                "its plain function is .fn"
            )
        left = self._attempt(request, args, kwargs)
        if left.departure is not Departure.SETTLED or left.promise is None or left.outcome is None:
            raise Ignore(self._left(left, request))
        return self._settled(left.promise, left.outcome, request)

    def _attempt(self, request: Any, args: Any, kwargs: Any) -> Left:
        engine, promise_id = self.binding.engine, request.id
        try:
            left = engine.attempt(promise_id, self.binding.process.holder, self._started)
            if left.departure is Departure.REFUSED and left.promise is None and not request.get(HINT):
                envelope = (
                    "" if not _has_canvas(request) else json.dumps(self.signature_from_request(request), default=_plain)
                )
                self.binding.record(self, promise_id, args, kwargs, {}, envelope)
                left = engine.attempt(promise_id, self.binding.process.holder, self._started)
        except Exception as error:
            logger.exception("the attempt at %s failed outside its function", promise_id)
            self.binding.crashed(promise_id, f"an attempt failed outside the function: {error!r}")
            raise Ignore(Departure.LOST.value) from error
        return left

    def _started(self, promise: Promise) -> None:
        meta = {"pid": self.binding.pid, "hostname": self.request.hostname, "attempt": promise.attempt}
        self.backend.store_result(promise.id, meta, states.STARTED, request=self.request)

    def _left(self, left: Left, request: Any) -> str:
        """Show in the result backend how an unsettled execution stands; the reason for the main process."""
        if left.departure is Departure.SUSPENDED:
            self.backend.store_result(request.id, {"durable": "suspended"}, SUSPENDED, request=request)
        elif left.departure is Departure.PARKED:
            self.backend.store_result(request.id, {"durable": left.reason}, PARKED, request=request)
        return left.departure.value

    def _settled(self, promise: Promise, outcome: Outcome, request: Any) -> Any:
        """Hand the outcome to Celery, which stores it and fires callbacks; not a second time."""
        if promise.mirrored:
            raise Ignore(Departure.SETTLED.value)
        if outcome.state is State.CANCELED:
            self.backend.mark_as_revoked(promise.id, "cancelled", request=request, store_result=True)
            self._mirrored(promise.id, request)
            raise Ignore(State.CANCELED.value)
        return self.binding.codec.unwrap(outcome, promise.id)

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        self._mirrored(task_id, self.request)

    def on_failure(self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        self._mirrored(task_id, self.request)

    def _mirrored(self, promise_id: str, request: Any) -> None:
        self.binding.mirror.add(promise_id)
        if _has_canvas(request):  # callbacks have been sent: say so before anything can go wrong
            self.binding.mirror.flush()


def _has_canvas(request: Any) -> bool:
    return bool(request.callbacks or request.errbacks or request.chain or request.chord or request.group)


def _plain(value: Any) -> Any:
    if isinstance(value, set | tuple):
        return list(value)
    raise TypeError(f"{value!r} cannot travel in a message")
