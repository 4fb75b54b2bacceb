"""What a worker does with a message for one of our tasks before anybody decodes it: JSON goes on, all else is refused.

An application may accept pickle for tasks of its own. Decoding a pickle runs
what it says, and Celery decodes in the main process; so the content type is
looked at first, which is a word in the message's properties. So is the id:
one that is no text would end the worker, and then the next one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from celery.worker import strategy

logger = logging.getLogger("durable_celery")

#: What durable tasks set as their `Strategy`.
PATH = "durable_celery.worker.strategy:json_only"
JSON = "application/json"


def json_only(task: Any, app: Any, consumer: Any, **options: Any) -> Callable[..., Any]:
    """Celery's strategy for messages in JSON; a message of another type is rejected unread, and the log says so.

    Nothing that was accepted is lost with it: an execution is in the store, and the sweep hints at it again.
    """
    take: Callable[..., Any] = strategy.default(task, app, consumer, **options)

    def take_json(message: Any, body: Any, ack: Any, reject: Any, callbacks: Any, **more: Any) -> Any:
        headers = message.headers or {}
        promise_id = headers.get("id", body.get("id") if isinstance(body, dict) else None)
        fault = _fault(message.content_type, promise_id)
        if not fault:
            return take(message, body, ack, reject, callbacks, **more)
        logger.error("a message for %s (id %.200r) was refused unread: %s", task.name, promise_id, fault)
        return reject(logger, consumer.connection_errors, False)

    return take_json


def _fault(content_type: object, promise_id: object) -> str:
    if content_type != JSON:
        return (
            f'its content type is {content_type!r} and durable tasks take {JSON} only; send it with serializer="json"'
        )
    return "" if isinstance(promise_id, str) else "its id is no text"
