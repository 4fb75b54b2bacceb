"""Ordinary Celery tasks as children of durable functions: how they are called, sent, and heard of."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from celery import Celery, states
from celery.exceptions import ImproperlyConfigured, TaskRevokedError
from kombu.exceptions import EncodeError

from durable_celery import ids
from durable_celery.calloptions import CallOptions
from durable_celery.codec import Codec
from durable_celery.errors import DurableError, ExecutionFailed, InvalidId, NotExternal, PromiseNotFound
from durable_celery.newpromise import NewPromise
from durable_celery.op import TaskCallText
from durable_celery.promise import Outcome, Promise, State
from durable_celery.settings import Settings
from durable_celery.storage import Storage
from durable_celery.store import Ready, Store
from durable_celery.worker import canvas, strategy
from durable_celery.worker.task import DurableTask

logger = logging.getLogger("durable_celery")

SETTLE = "durable_celery.settle"
SETTLE_ERROR = "durable_celery.settle_error"
#: Whoever reports a failure may do so on a worker's own loop, which must not stop for longer.
PATIENCE_S = 1.0
#: What sending raises when it can never succeed.
_HOPELESS = (TypeError, ValueError, LookupError, NotImplementedError, ImproperlyConfigured, EncodeError)


class CeleryTasks:
    """The Celery tasks of one application, as children."""

    def __init__(
        self,
        app: Celery,
        codec: Codec,
        settings: Callable[[], Settings],
        storage: Storage,
        publish: Callable[[Sequence[Ready]], None],
    ) -> None:
        self.app = app
        self.codec = codec
        self._settings = settings
        self._open_store = storage.open
        self._publish = publish
        #: Whether workers can take them: what is in this process's memory is not theirs to settle.
        self._reachable = not storage.is_local
        if self._reachable:
            self._register()

    # What operations ask

    def takes(self, target: object) -> bool:
        return canvas.is_task(target)

    def prepare(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> TaskCallText:
        if not (self._reachable or self._eager):
            raise DurableError(
                f"{target!r} is a Celery task; as a child it needs a Durable(app) whose store is not in memory"
            )
        sig = canvas.of(target, args, kwargs)
        name = canvas.describe(sig)
        closed = canvas.closed(self.app, sig, self._is_ordinary)
        return TaskCallText(name, *self.codec.compared(closed, f"the call of {name!r}"))

    def pack(self, call: TaskCallText, child: NewPromise, parent: str, queue: str, options: CallOptions) -> str:
        sig = canvas.rebuilt(self.app, self.codec.decode(call.signature))
        asked = {"queue": options.queue, "priority": options.priority}
        asked = {name: value for name, value in asked.items() if value is not None}
        if asked and len(list(canvas.members(sig))) > 1:
            raise TypeError(f"{call.name} takes no {', '.join(asked)}: say it of its tasks, with .set(…)")
        sig.set(**asked)
        if self.codec.seal.hides:
            canvas.hide(sig)
        link, link_error = self._callbacks(child.id, queue)
        frozen = canvas.frozen(sig, child.id, link, link_error, root_id=ids.root_of(parent), parent_id=parent)
        lost_after_ms = options.lost_after_ms
        kept = {
            "name": call.name,
            "sig": frozen,
            "lost": options.lost or ("resend" if self._may_run_twice(frozen) else "fail"),
            "lost_after_ms": self._settings().lost_after_ms if lost_after_ms is None else lost_after_ms,
        }
        return self.codec.encode(kept, f"the call of {call.name!r}")

    def send(self, child: Promise) -> None:
        if child.not_before_at is not None and not self._eager:
            return  # a sweep does, at its time: what the broker delays may be delivered several times
        self.send_to(self._open_store(None), child)

    # What workers do

    def send_to(self, store: Store, child: Promise) -> None:
        """Publish the message of a task child, and note that; what can never be sent is its failure."""
        try:
            sig = self.signature(child)
            if self._eager:
                self._apply(store, child.id, sig)
                return
            sig.apply_async()
            store.sent(child.id, child.sends + 1)
        except _HOPELESS as error:
            logger.warning("the task of %s cannot be sent: %r", child.id, error)
            self.settle(store, child.id, self.codec.failure(error))
        except Exception as error:
            logger.warning("the task of %s is not sent yet, a sweep will: %s", child.id, error)

    def signature(self, child: Promise) -> Any:
        """The signature that a task child's record keeps."""
        return canvas.rebuilt(self.app, self.kept(child)["sig"])

    def kept(self, child: Promise) -> dict[str, Any]:
        """What the record of a task child keeps: `name`, `sig`, `lost`, `lost_after_ms`."""
        return dict(self.codec.decode(child.canvas))

    def known(self, task_id: str) -> Outcome | None:
        """The outcome that the result backend has, None while it has none."""
        try:
            meta: dict[str, Any] = self.app.backend.get_task_meta(task_id, cache=False)
        except NotImplementedError:  # there is no result backend
            return None
        if meta["status"] == states.SUCCESS:
            return self.success(task_id, meta.get("result"))
        if meta["status"] == states.FAILURE:
            return self._failure(meta.get("result"), meta.get("traceback"))
        return Outcome(State.CANCELED, "") if meta["status"] == states.REVOKED else None

    def success(self, child_id: str, result: Any) -> Outcome:
        """The outcome of a task that returned; a failure when its result has no JSON form or is too large."""
        try:
            return self.codec.success(result, f"the result of the task {child_id!r}")
        except DurableError as error:
            return self.codec.failure(error)

    def settle(self, store: Store, child_id: str, outcome: Outcome) -> None:
        """Settle the promise of a task child, unless it is; wake who waits for it."""
        try:
            self._publish(store.settle(child_id, outcome.state, outcome.value)[2])
        except PromiseNotFound:
            logger.info("%s is not kept any more; its outcome came too late", child_id)
        except NotExternal:
            logger.warning("%s is an execution; a task was told to settle it", child_id)

    # Callbacks

    def _register(self) -> None:
        """The two tasks that children call at their end. They carry their result, which is stored only afterwards."""

        def settle(result: Any, child: str) -> None:
            store = self._open_store(None)
            if _is_task(store, child):
                self.settle(store, child, self.success(child, result))

        def settle_error(failed: Any, error: Any = None, traceback: Any = None, child: str = "") -> None:
            """Called by the failing worker where this is registered, else a task that gets the failed one's id."""
            store = self._open_store(None if error is None else PATIENCE_S)
            if not _is_task(store, child):
                return
            if error is not None:
                self.settle(store, child, self._failure(error, traceback))
                return
            unknown = ExecutionFailed("unknown", f"the task {failed} failed, and its error is not kept")
            outcome = self.known(child) or self.known(str(failed)) or self.codec.failure(unknown)
            self.settle(store, child, outcome)

        for name, function in ((SETTLE, settle), (SETTLE_ERROR, settle_error)):
            register: Any = self.app.task(
                name=name,
                shared=False,
                ignore_result=True,
                serializer="json",
                acks_late=False,
                Strategy=strategy.PATH,
            )
            register(function)

    def _callbacks(self, child_id: str, queue: str) -> tuple[Any, Any]:
        if self._eager:
            return None, None
        where = {"queue": queue or self.app.conf.task_default_queue, "serializer": "json"}
        if self.codec.seal.hides:
            where |= canvas.UNSEEN
        settle, settle_error = (
            self.app.signature(name, kwargs={"child": child_id}, options=dict(where)) for name in (SETTLE, SETTLE_ERROR)
        )
        return settle, settle_error

    def _failure(self, error: Any, traceback: Any) -> Outcome:
        if isinstance(error, TaskRevokedError):
            return Outcome(State.CANCELED, "")
        if not isinstance(error, BaseException):
            error = ExecutionFailed("unknown", str(error))
        if traceback and not error.__traceback__:
            error.add_note(str(traceback))
        return self.codec.failure(error)

    def _apply(self, store: Store, child_id: str, sig: Any) -> None:
        """Where Celery runs tasks inline: so here."""
        try:
            outcome = self.success(child_id, sig.apply().get())
        except Exception as error:
            outcome = self.codec.failure(error)
        self.settle(store, child_id, outcome)

    @property
    def _eager(self) -> bool:
        return bool(self.app.conf.task_always_eager)

    def _is_ordinary(self, name: str) -> bool:
        return not isinstance(self.app.tasks.get(name), DurableTask)

    def _may_run_twice(self, sig: Any) -> bool:
        """Whether every task in it is acknowledged late, which is how Celery is told so."""
        tasks = [self.app.tasks.get(member.task) for member in canvas.members(sig)]
        return all(task is not None and bool(task.acks_late) for task in tasks)


def _is_task(store: Store, child_id: str) -> bool:
    """Whether a task is behind this promise: a message may name any, and is to settle no other."""
    try:
        child = store.get(ids.check_any(child_id))
    except (PromiseNotFound, InvalidId):
        logger.info("%r is not kept any more; its outcome came too late", child_id)
        return False
    if child.is_execution or not child.canvas:
        logger.warning("%s is no child that a task is behind; a message told to settle it", child_id)
        return False
    return True
