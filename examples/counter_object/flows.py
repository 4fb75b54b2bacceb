"""A counter for every name: adding is exclusive, one at a time for each key; looking at it disturbs nobody."""

from __future__ import annotations

import time

from celery import Celery

from durable_celery import Durable, ObjectContext, ObjectSharedContext, VirtualObject

app = Celery("counters")  # CELERY_BROKER_URL and CELERY_RESULT_BACKEND say where Redis is
durable = Durable(app)
Counter = VirtualObject("Counter")


@Counter.handler()
def add(ctx: ObjectContext, n: int) -> int:
    total: int = (ctx.get("total").get() or 0) + n
    ctx.run("think", time.sleep, 0.1).get()
    ctx.set("total", total)  # written together with the result, or not at all
    return total


@Counter.handler(kind="shared")
def value(ctx: ObjectSharedContext) -> int:
    return ctx.get("total").get() or 0


@Counter.handler()
def reset(ctx: ObjectContext) -> int:
    last: int = ctx.get("total").get() or 0
    ctx.clear("total")
    return last


durable.bind(Counter)
