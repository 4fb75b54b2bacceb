"""An export that a slow service makes: asked for once, then polled, with growing pauses, until done or too late."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from typing import Any

from celery import Celery

from durable_celery import Context, Durable, RetryLater, RetryPolicy

app = Celery("reports")  # CELERY_BROKER_URL and CELERY_RESULT_BACKEND say where Redis is
durable = Durable(app)
#: For what may go wrong on the way to the service and back; a worker that dies is not a try.
PATIENT = RetryPolicy(max_attempts=5, initial=0.1)


@durable.register
def export(ctx: Context, name: str, seconds: float) -> str:
    deadline = ctx.time().get() + seconds  # recorded: the same deadline whichever worker goes on
    job = ctx.run(submit, name).options(retry=PATIENT).get()
    pause = 1.2
    while ctx.time().get() < deadline:
        ctx.sleep(pause).get()  # nobody is held by it, and a month costs no more
        status = ctx.run(poll, job).options(retry=PATIENT).get()
        if status["state"] == "done":
            return str(status["url"])
        pause = min(pause * 1.2, 60)
    return f"{name} was not ready within {seconds:g} s"


def submit(ctx: Context, name: str) -> str:
    return str(call("POST", f"/jobs/{name}", key=ctx.idempotency_key)["job"])


def poll(job: str) -> dict[str, Any]:
    return call("GET", f"/jobs/{job}")


def call(method: str, path: str, key: str = "") -> dict[str, Any]:
    url = os.environ["EXPORTS_URL"] + path
    request = urllib.request.Request(url, method=method, headers={"Idempotency-Key": key})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        if error.code == 429:
            raise RetryLater(float(error.headers["Retry-After"]), "the service is busy") from None
        raise
