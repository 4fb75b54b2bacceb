"""An application that knows nothing of durable_celery, on the same broker."""

from __future__ import annotations

import os

from celery import Celery

app = Celery("foreign", broker=os.environ["BROKER"], backend=os.environ["STORE"])


@app.task(name="foreign_add")
def add(x: int, y: int) -> int:
    return x + y


@app.task(name="foreign_failure")
def failure(x: int, y: int) -> None:
    raise ValueError(f"{x} and {y} do not go together")
