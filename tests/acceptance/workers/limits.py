"""A durable application for the options of `apply_async` and for time limits: what `celery -A` is given."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from celery import Celery, Task
from celery.exceptions import SoftTimeLimitExceeded

from durable_celery import Context, Durable, RetryPolicy
from tests.acceptance.workers.proj import add_all, effect, hold, note, tell

PATIENT = RetryPolicy(max_attempts=2, initial=0.01, retry_on=(SoftTimeLimitExceeded,))


def shown(ctx: Context, task: Any, name: str) -> None:
    """What the message said that this attempt came in."""
    request = task.request
    told = {key: getattr(request, key, None) for key in ("shadow", "reply_to", "ignore_result")}
    told |= {"limits": request.timelimit, "mine": request.headers and request.headers.get("mine")}
    told |= {"routing_key": request.delivery_info["routing_key"], "priority": request.delivery_info["priority"]}
    tell(name, "request", value=told)


def asks(ctx: Context, name: str) -> str:
    """Shows its message, suspends, and shows the next one."""
    task = durable.app.tasks["asks"]
    shown(ctx, task, name)
    ctx.promise().get()
    return "done"


def hurried(ctx: Context, gate: str) -> list[str]:
    return [ctx.run(effect).get(), ctx.run(hold, gate).options(retry=PATIENT).get(), ctx.run(effect).get()]


def stubborn(ctx: Context, value: Any, name: str) -> Any:
    """Its step works at the third try; the second wait is long enough to suspend."""
    ctx.run(third_try, name).options(retry=RetryPolicy(max_attempts=3, initial=0.3, factor=4)).get()
    return value


def third_try(ctx: Context, name: str) -> None:
    tell(ctx.id, "start")
    for each in (Path(os.environ["GATES"]) / f"{name}-{number}" for number in (1, 2)):
        if not each.exists():
            each.touch()
            raise ConnectionError(name)


def told_to_hurry(ctx: Context, gate: str) -> str:
    try:
        ctx.run(hold, gate).get()
    except SoftTimeLimitExceeded:
        return str(ctx.run(effect).get())
    return "in time"


def limited(ctx: Context, gate: str) -> list[str]:
    return [ctx.run(effect).get(), ctx.run(hold, gate).get(), ctx.run(effect).get()]


def calls(self: Task[Any, Any], keep: bool) -> list[str]:
    """An ordinary task that starts a durable one; answers which children it has."""
    durable.app.tasks["quick"].apply_async((1,), add_to_parent=keep)
    return [str(child.task_id) for child in self.request.children]


def quick(ctx: Context, value: int) -> int:
    return value


def build(broker: str, store: str, **conf: Any) -> Durable:
    app = Celery("limits", broker=broker, backend=store, set_as_current=False)
    app.conf.update(broker_connection_retry_on_startup=True, **conf)
    made = Durable(app)
    for body in (asks, hurried, told_to_hurry, limited, quick, stubborn):
        made.register(body)
    app.task(shared=False, name="calls", bind=True)(calls)
    app.task(shared=False, name="add_all")(add_all)
    app.task(shared=False, name="note")(note)
    app.finalize()
    return made


if "LIMITS" in os.environ:
    durable = build(os.environ["BROKER"], os.environ["STORE"])
    app = durable.app
