"""A Celery application as the environment asks for one."""

from __future__ import annotations

from collections.abc import Mapping

from celery import Celery

from durable_celery.worker import patience


def celery_from(environ: Mapping[str, str]) -> Celery | None:
    """On the broker of CELERY_BROKER_URL, None without one.

    Results go to CELERY_RESULT_BACKEND, else to where the promises are: the
    Redis of DURABLE_STORE_URL, or the broker when that is a Redis.
    """
    broker, store = environ.get("CELERY_BROKER_URL"), environ.get("DURABLE_STORE_URL")
    if not broker:
        return None
    redis = [url for url in (store, broker) if url and url.startswith(("redis://", "rediss://"))]
    backend = environ.get("CELERY_RESULT_BACKEND") or next(iter(redis), None)
    app = Celery("durable", broker=broker, backend=backend, set_as_current=False)
    app.conf.broker_connection_retry_on_startup = True
    patience.limited(app)
    if store:
        app.conf.durable_store_url = store
    return app
