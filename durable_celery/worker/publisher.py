"""Hints as Celery messages: "this id may be ready". Losing one costs time, sending one too many costs a claim."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from celery import Celery
from celery.backends.redis import RedisBackend

from durable_celery import ids
from durable_celery.hint import Hint
from durable_celery.store import Ready
from durable_celery.worker import envelope, options
from durable_celery.worker.moulds import Kind, Moulds

#: Message header that tells a hint from a call made with Celery's own `delay` or `apply_async`.
HINT = "durable_hint"
#: Header of a hint for an execution that was attempted before: Flower is told that it goes on.
RESUMED = "durable_resumed"


class Publisher:
    """Sends hints for an application, each under the promise's id as task id."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._moulds = Moulds(app)

    def publish(self, ready: Sequence[Ready]) -> None:
        """One message each, over one connection."""
        said = options.sending(self._app)
        with self._app.producer_or_acquire(said.pop("producer", None)) as producer:
            for row in ready:
                if said or row.canvas:
                    self._send(row, producer, said)
                    continue
                self._moulds.send(_kind(row), row.id, producer, functools.partial(self._send, row, producer, said))

    def enclosed(self, row: Ready) -> Hint | None:
        """The hint at an execution that is made now, as a text to be sent by whoever records it; None for no such."""
        if row.canvas or options.sending(self._app):
            return None
        return self._moulds.hint(_kind(row), row.id)

    def depth(self, queue: str) -> int:
        """How many messages wait in a queue."""
        name = queue or self._app.conf.task_default_queue
        with self._app.connection_or_acquire() as connection:
            try:
                return int(connection.default_channel.queue_declare(name, passive=True).message_count)
            except connection.channel_errors:
                return 0  # no such queue: nothing waits in it

    def _send(self, row: Ready, producer: Any, said: dict[str, Any]) -> None:
        message: dict[str, Any] = {
            **said,
            "root_id": ids.root_of(row.id),
            "parent_id": ids.parent_of(row.id),
            "serializer": "json",
        }
        if row.queue:
            message["queue"] = row.queue
        if row.priority:
            message["priority"] = int(row.priority)
        if row.canvas:  # what the call carried besides its arguments
            message.update(envelope.options_of(row.canvas))
        headers = {**(message.pop("headers", None) or {}), HINT: 1}
        if row.attempts:
            headers[RESUMED] = 1
        name = task_name(row.function, row.version)
        if self._is_unheard:
            headers["ignore_result"] = self._ignores(name, message)
            message["ignore_result"] = True
            if self._app.current_worker_task is None:
                message["result_cls"] = _Unheard
        self._app.send_task(name, task_id=row.id, headers=headers, producer=producer, **message)

    @property
    def _is_unheard(self) -> bool:
        """Whether whoever wants the result subscribes to it when it wants it: not already when a hint is sent.

        With Redis a subscription costs two commands for every hint. RPC has to declare its reply queue before.
        """
        return isinstance(self._app.backend, RedisBackend)

    def _ignores(self, name: str, message: dict[str, Any]) -> bool:
        """What the message itself says of `ignore_result`: the header goes to the worker as it would without us."""
        said = message.get("ignore_result")
        return bool(getattr(self._app.tasks.get(name), "ignore_result", False) if said is None else said)


def _kind(row: Ready) -> Kind:
    return Kind(row.function, row.version, row.queue, row.priority, bool(row.attempts))


class _Unheard:
    """The result of a hint, for nobody: an AsyncResult says goodbye to a subscription when it is collected."""

    def __init__(self, task_id: str) -> None:
        self.id = task_id
        self.ignored = True


def task_name(function: str, version: int) -> str:
    """The Celery task that executes a version of a function."""
    return function if version == 1 else f"{function}@{version}"
