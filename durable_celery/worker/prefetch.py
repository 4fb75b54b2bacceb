"""Fetching no more messages than there are hands.

Celery's workers fetch several messages ahead. A hint in the memory of a busy
worker is out of reach of the idle ones, and what it speaks of waits until the
sweep has said it again often enough. What the application sets itself counts.
"""

from __future__ import annotations

from typing import Any

from celery import Celery

#: Instead of Celery's own defaults. None stands for "decided when the pool is known".
_DEFAULTS = {"worker_prefetch_multiplier": 1, "worker_disable_prefetch": None}


def prepare(app: Celery) -> None:
    """Give an application our defaults as soon as it is configured, whenever that is."""
    app.on_after_configure.connect(_set_defaults, weak=False)
    configured: Any = app
    if configured.configured:  # the stubs leave it out
        _set_defaults(source=app.conf)


def _set_defaults(*, source: Any, **_: Any) -> None:
    for name, value in _DEFAULTS.items():
        if not source.value_set_for(name):
            source[name] = value


def decide(worker: Any) -> None:
    """Fetch nothing ahead on prefork with Redis; other pools would wait for a timer after each message."""
    conf = worker.app.conf
    if conf.get("worker_disable_prefetch") is None:
        prefork = getattr(worker.pool_cls, "__module__", "") == "celery.concurrency.prefork"
        conf.worker_disable_prefetch = prefork and worker.prefetch_multiplier == 1 and _over_redis(worker.app)


def _over_redis(app: Celery) -> bool:
    with app.connection_for_read() as connection:
        return bool(connection.transport.driver_type == "redis")
