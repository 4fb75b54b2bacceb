"""An application of ordinary tasks only, as it comes or with a Durable on it: what `celery -A` is given.

What happened in the worker is written to the file `$LEDGER`.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from celery import Celery, Task, signals
from celery.exceptions import SoftTimeLimitExceeded
from celery.worker.request import Request

from durable_celery import Durable
from tests.acceptance.workers import ledger


def tell(name: str, event: str, value: Any = None) -> None:
    ledger.write(os.environ["LEDGER"], id=name, event=event, value=value)


class Telling(Task[Any, Any]):
    """A base class of the application's own; abstract, so it is no task itself."""

    abstract = True

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        tell(task_id, "before")

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        tell(task_id, "success", retval)

    def on_failure(self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        tell(task_id, "failure", type(exc).__name__)


class TellingRequest(Request):
    """A request class of the application's own."""

    def on_accepted(self, pid: int, time_accepted: float) -> None:
        tell(self.id, "accepted")
        super().on_accepted(pid, time_accepted)


class Requested(Task[Any, Any]):
    abstract = True
    Request = TellingRequest


def add(x: int, y: int = 0) -> int:
    return x + y


def add_all(numbers: list[int]) -> int:
    return sum(numbers)


def note(value: Any, name: str) -> None:
    tell(name, "called", value)


def note_error(request: Any, error: Exception, traceback: Any, name: str) -> None:
    tell(name, "failed", str(error))


def fail(message: str) -> None:
    raise ValueError(message)


def again(self: Any, failures: int) -> int:
    if self.request.retries < failures:
        raise self.retry(countdown=0)
    return int(self.request.retries)


def unlucky(self: Any, failures: int) -> int:
    if self.request.retries < failures:
        raise ConnectionError("no route")
    return int(self.request.retries)


def dies_once(self: Any) -> str:
    name = str(self.request.id)
    tell(name, "start")
    if not self.request.delivery_info["redelivered"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


def works(name: str, seconds: float) -> str:
    tell(name, "start")
    try:
        time.sleep(seconds)
    except SoftTimeLimitExceeded:
        return "told to hurry"
    return "in time"


def who(self: Any) -> dict[str, Any]:
    told = self.request.delivery_info
    return {"id": self.request.id, "queue": told["routing_key"], "priority": told["priority"], "name": self.name}


def kind(value: Any) -> str:
    return type(value).__name__


def occupied(ctx: Any) -> None:
    """The one durable function, never called: so that the Durable has something to do with this application."""


def ordinary(broker: str, backend: str, *, durable: bool, **conf: Any) -> Celery:
    app = Celery("ordinary", broker=broker, backend=backend, set_as_current=False)
    app.conf.update(broker_connection_retry_on_startup=True, accept_content=["json", "pickle"])
    app.conf.update(task_routes={"routed": {"queue": "special"}}, **conf)
    for plain in (add, add_all, note, note_error, fail, works, kind):
        app.task(shared=False, name=plain.__name__)(plain)
    for bound in (again, who):
        app.task(shared=False, name=bound.__name__, bind=True, max_retries=3)(bound)
    app.task(shared=False, name="routed", bind=True)(who)
    app.task(shared=False, name="unlucky", bind=True, autoretry_for=(ConnectionError,), default_retry_delay=0)(unlucky)
    app.task(shared=False, name="dies_once", bind=True, acks_late=True, reject_on_worker_lost=True)(dies_once)
    app.task(shared=False, name="told", base=Telling)(add)
    app.task(shared=False, name="told_failure", base=Telling)(fail)
    app.task(shared=False, name="requested", base=Requested)(add)
    app.task(shared=False, name="forgotten", ignore_result=True)(add)
    app.task(shared=False, name="slow_lane", rate_limit="2/s")(works)
    if durable:
        Durable(app).register(occupied)
    app.finalize()
    return app


def _postrun(task_id: str, state: str = "", **_: Any) -> None:
    tell(task_id, "postrun", state)


if "ORDINARY" in os.environ:
    app = ordinary(os.environ["BROKER"], os.environ["STORE"], durable=os.environ["ORDINARY"] == "durable")
    signals.task_postrun.connect(_postrun, weak=False)
