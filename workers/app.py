"""The Celery application: `celery -A workers.app worker`.

Broker, result backend and store are the Redis at `DURABLE_REDIS_URL`.
"""

from __future__ import annotations

from celery import Celery

from durable_celery import Durable
from workers import order, settings
from workers import render as rendering

app = Celery("workers", broker=settings.redis_url(), backend=settings.redis_url())
app.conf.update(
    durable_store_url=settings.redis_url(),
    broker_connection_retry_on_startup=True,
    # A connection that is lost without a word is waited for without end otherwise.
    broker_transport_options={"socket_timeout": 5},
    redis_socket_timeout=5,
    worker_send_task_events=True,
    # A message in the memory of a busy worker is out of reach of the idle ones.
    worker_prefetch_multiplier=1,
    worker_disable_prefetch=True,
    task_send_sent_event=True,
)

durable = Durable(app)
render = rendering.register(durable)
process_order = order.register(durable)
