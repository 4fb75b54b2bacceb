"""Before: a plain Celery chain. What is between two tasks is a message, and what is inside one is nowhere."""

from __future__ import annotations

from typing import Any

from celery import Celery, chain

from examples.migrate_from_chain import studio

app = Celery("video")  # CELERY_BROKER_URL and CELERY_RESULT_BACKEND say where Redis is


@app.task
def download(name: str) -> str:
    return studio.download(name)


@app.task
def transcode(file: str) -> str:
    return studio.transcode(file)


@app.task
def publish(file: str) -> str:
    return studio.publish(file)


def start(name: str) -> Any:
    return chain(download.s(name), transcode.s(), publish.s()).delay()
