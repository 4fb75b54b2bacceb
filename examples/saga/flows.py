"""An order: reserved, charged, shipped; and when one of these is refused, what was done before is undone."""

from __future__ import annotations

from celery import Celery

from durable_celery import Context, Durable
from examples.saga import services

app = Celery("shop")  # CELERY_BROKER_URL and CELERY_RESULT_BACKEND say where Redis is
durable = Durable(app)


@durable.register
def place(ctx: Context, order: dict[str, str]) -> str:
    saga = ctx.saga()
    saga.run(services.reserve, order).compensate(services.release).get()
    saga.run(services.charge, order).compensate(services.refund).get()
    ctx.run(services.ship, order).get()
    return "shipped"
