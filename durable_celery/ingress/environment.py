"""A Durable as the environment asks for one."""

from __future__ import annotations

import os

from durable_celery.durable import Durable
from durable_celery.worker.environment import celery_from


def durable_from() -> Durable:
    """On Celery with CELERY_BROKER_URL, in this process with DURABLE_STORE_URL alone, in its memory with neither."""
    celery = celery_from(os.environ)
    if celery is not None:
        return Durable(celery)
    store = os.environ.get("DURABLE_STORE_URL")
    return Durable(store=store) if store else Durable.local()
