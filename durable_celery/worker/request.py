"""DurableRequest: the main process's side of a delivery.

It turns what happens to a pool process into what it means for an execution:
a dead child or a hard time limit is a crash, told to the store at once, and
never a FAILURE; a revoke is a cancellation.
"""

from __future__ import annotations

import logging
from typing import Any

from celery.exceptions import Ignore, TimeLimitExceeded, WorkerLostError
from celery.worker import state
from celery.worker.request import Request

from durable_celery.engine import Departure
from durable_celery.promise import State
from durable_celery.worker.publisher import RESUMED

logger = logging.getLogger("durable_celery")

_OVER_TIME = "the hard time limit of {} s was reached"
#: What monitors are told when an attempt, or a hint that came too late, found an execution so.
_EVENTS = {
    Departure.SUSPENDED.value: "task-suspended",
    Departure.PARKED.value: "task-parked",
    State.RESOLVED.value: "task-succeeded",
    State.REJECTED.value: "task-failed",
    State.TIMEDOUT.value: "task-failed",
    State.CANCELED.value: "task-revoked",
}


class DurableRequest(Request):
    """Celery's request with the endings of a durable execution."""

    _told = False

    def on_accepted(self, pid: int, time_accepted: float) -> None:
        if self._request_dict.get(RESUMED):
            # Flower keeps showing SUSPENDED through a mere task-started; task-retried clears it.
            self.send_event("task-retried", exception="resumed", traceback="")
        super().on_accepted(pid, time_accepted)
        self.task.binding.accepted(pid, self.id)

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:
        error = _unwrapped(exc_info)
        if isinstance(error, Ignore):
            self._announce_left(str(error))
        elif isinstance(error, TimeLimitExceeded):
            self._crashed(_OVER_TIME.format(error.args[0]))
            return None
        elif isinstance(error, WorkerLostError | SystemExit | KeyboardInterrupt):
            if not (self._already_revoked or self._already_cancelled):
                self._crashed(f"its process died: {error}")
            return None
        return super().on_failure(exc_info, send_failed_event, return_ok)

    def on_timeout(self, soft: bool, timeout: float) -> None:
        if soft or state.should_terminate:
            super().on_timeout(soft, timeout)
        else:
            self._crashed(_OVER_TIME.format(timeout))

    def revoked(self) -> bool:
        """A revoke cancels the execution; its message is not dropped, so that the body is told."""
        super().revoked()  # which announces it
        return bool(self._already_revoked)

    def _announce_revoked(self, reason: str, terminated: bool, signum: Any, expired: bool) -> None:
        """Whoever watches is told when the cancellation is final."""
        if terminated:
            state.task_ready(self)
            self.acknowledge()
            self._already_revoked = True
        self.task.binding.cancel(self.id)

    def _announce_left(self, departure: str) -> None:
        """Show how it stands; also after a hint that came too late, which made it look started."""
        if event := _EVENTS.get(departure):
            self.send_event(event)

    def _crashed(self, reason: str) -> None:
        """Celery may say it twice: a hard limit is a failure and a timeout."""
        if self._told:
            return
        self._told = True
        state.task_ready(self)
        self.acknowledge()
        logger.warning("%s[%s]: %s; it goes on after its last checkpoint", self.name, self.id, reason)
        self.task.binding.crashed(self.id, reason, pid=self.worker_pid)


def _unwrapped(exc_info: Any) -> BaseException:
    error: BaseException = exc_info.exception
    inner = getattr(error, "exc", None)
    return inner if type(error).__name__ == "ExceptionWithTraceback" and inner is not None else error
