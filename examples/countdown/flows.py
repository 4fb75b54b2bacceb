"""A countdown that survives everything: it costs nothing while it sleeps, however long that is."""

from __future__ import annotations

from pathlib import Path

from celery import Celery

from durable_celery import Context, Durable

app = Celery("pad")  # CELERY_BROKER_URL and CELERY_RESULT_BACKEND say where Redis is
durable = Durable(app)


@durable.register
def countdown(ctx: Context, start: int, seconds: float) -> str:
    for number in range(start, 0, -1):
        ctx.run(say, f"{ctx.id}: {number}").get()
        ctx.sleep(seconds).get()
    return ctx.run(say, f"{ctx.id}: lift-off").get()


def say(words: str) -> str:
    with Path("said.txt").open("a") as said:
        said.write(words + "\n")
    return words
