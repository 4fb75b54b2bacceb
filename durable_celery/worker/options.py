"""What `apply_async` is asked for: each option is honoured, or refused by name with what to use instead."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from celery import Celery
from celery.utils.time import is_naive, make_aware

from durable_celery import clock
from durable_celery.clock import SystemClock
from durable_celery.errors import DurableError
from durable_celery.registry import Options

#: Options of Celery's and what becomes of each; canvas adds more of its own, which travel in the envelope.
HONOURED = {
    "task_id": "the promise id",
    "countdown": "kept by the store: no worker holds the message meanwhile",
    "eta": "the same; without a time zone it is in the application's",
    "queue": "also for every later message of the execution",
    "exchange": "also for every later message",
    "routing_key": "also for every later message",
    "priority": "also for every later message",
    "link": "called once, at the real end",
    "link_error": "called once, at the real end",
    "headers": "on every message",
    "shadow": "on every message",
    "compression": "on every message",
    "reply_to": "on every message",
    "time_limit": "of each attempt; reached, it is a crash, and the execution goes on after its last checkpoint",
    "soft_time_limit": "of each attempt; `SoftTimeLimitExceeded` is the error of the step that it meets",
    "ignore_result": "the result backend is told nothing; `durable.get(id).result()` knows",
    "serializer": "`json`",
    "producer": "for the first message",
    "connection": "for the first message",
    "publisher": "the old name of `producer`",
    "retry": "for the first message; should it fail, a sweep sends it again",
    "retry_policy": "the same",
    "add_to_parent": "as in Celery",
}
_BROKERS = "it belongs to one message, and an execution has many; Celery's broker settings hold for all"
REFUSED = {
    "expires": "an accepted execution is never dropped; give it a deadline with .options(timeout=…)",
    "retries": "attempts are counted by the store",
    "result_cls": "what comes back is an AsyncResult; .run(id, …) gives a handle",
    "router": "routes are the application's: set task_routes, or give a queue=",
    "expiration": "an accepted execution is never dropped; give it a deadline with .options(timeout=…)",
    **dict.fromkeys(("delivery_mode", "mandatory", "immediate", "declare", "timeout", "confirm_timeout"), _BROKERS),
    **dict.fromkeys(("content_type", "content_encoding"), "durable tasks speak JSON"),
}
#: How the first message is to be sent; later ones are sent by whoever is there.
_FIRST = ("producer", "connection", "publisher", "retry", "retry_policy")
_first: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("first", default=None)


def check(function: str, options: dict[str, Any]) -> None:
    """Raise DurableError for what cannot be honoured, ValueError for limits that contradict each other."""
    for name, instead in REFUSED.items():
        if options.get(name):
            raise DurableError(f"{function!r} is durable and takes no {name}=: {instead}")
    if options.get("serializer") not in (None, "json", "application/json"):
        raise DurableError(
            f"{function!r} is durable and takes no serializer={options['serializer']!r}: durable tasks speak JSON, "
            "with dates, decimals, UUIDs, tuples and sets; pass anything else as the id of where it is kept"
        )
    soft, hard = options.get("soft_time_limit"), options.get("time_limit")
    if soft and hard and soft > hard:
        raise ValueError("soft_time_limit must be less than or equal to time_limit")


def by_name(options: dict[str, Any]) -> dict[str, Any]:
    """The same, with queues and exchanges that are given as objects called by their names."""
    names = {key: options[key].name for key in ("queue", "exchange") if hasattr(options.get(key), "name")}
    return {**options, **names}


def of_call(app: Celery, options: dict[str, Any]) -> Options:
    """What the store has to know of them."""
    delay_ms = None
    if options.get("countdown"):
        delay_ms = clock.to_ms(max(0, options["countdown"]))
    elif options.get("eta"):
        delay_ms = max(0, clock.instant_ms(_aware(app, options["eta"])) - SystemClock().now_ms())
    return Options(queue=options.get("queue"), priority=options.get("priority"), delay_ms=delay_ms)


@contextlib.contextmanager
def first_message(options: dict[str, Any]) -> Iterator[None]:
    """What is published inside is published as these options say."""
    said = {name: options[name] for name in _FIRST if options.get(name) is not None}
    token = _first.set({**said, "add_to_parent": False})
    try:
        yield
    finally:
        _first.reset(token)


def sending(app: Celery) -> dict[str, Any]:
    """How the message at hand is to be sent."""
    said = dict(_first.get() or {})
    producer, connection = said.pop("publisher", None), said.pop("connection", None)
    if producer is not None:
        said.setdefault("producer", producer)
    if connection is not None:
        amqp: Any = app.amqp
        said.setdefault("producer", amqp.Producer(connection, auto_declare=False))
    return said


def _aware(app: Celery, eta: datetime | str) -> datetime:
    instant = datetime.fromisoformat(eta) if isinstance(eta, str) else eta
    aware: datetime = make_aware(instant, app.timezone) if is_naive(instant) else instant
    return aware
