"""Hints cast in the form of the first of their kind: what Celery and kombu made of it, with another id.

Two hints of one function differ in their ids only, and making a message from
scratch costs more than sending it. Where somebody listens to publishing, where
routes are set, or where the transport has no `_put` of kombu's virtual ones,
every message is made from scratch; so it is where something else puts headers
of its own on messages, as tracing does.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from celery import Celery, signals
from kombu.transport.virtual import Channel

from durable_celery import ids

_LISTENERS = (signals.before_task_publish, signals.after_task_publish, signals.task_sent)
#: The headers that Celery and we put on a hint (docs.celeryq.dev, message protocol 2).
_OURS = frozenset(
    (
        *("lang", "task", "id", "root_id", "parent_id", "group", "group_index", "origin", "shadow", "eta", "expires"),
        *("retries", "timelimit", "argsrepr", "kwargsrepr", "ignore_result", "replaced_task_nesting"),
        *("stamped_headers", "stamps", "durable_hint", "durable_resumed"),
    )
)
#: More kinds than an application has: functions, queues and priorities together.
_MOST = 1000


class Moulds:
    """The forms that are known in this process, by kind of hint."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._pid = 0
        self._known: dict[Any, tuple[str, dict[str, Any]] | None] = {}

    def send(self, kind: tuple[Any, ...], promise_id: str, producer: Any, make: Callable[[], None]) -> None:
        """One hint; `make` sends it as Celery does, which the first of a kind is and what cannot be cast."""
        channel = _channel(producer)
        if channel is None or not self._may_cast():
            make()
        elif kind in self._known:
            self._cast(self._known[kind], promise_id, channel, make)
        else:
            self._learn(kind, channel, make)

    def _may_cast(self) -> bool:
        if self._pid != os.getpid():
            self._pid, self._known = os.getpid(), {}
        return not (any(signal.receivers for signal in _LISTENERS) or self._app.current_worker_task)

    def _cast(self, form: Any, promise_id: str, channel: Any, make: Callable[[], None]) -> None:
        if form is None:
            make()
            return
        queue, like = form
        own = {"id": promise_id, "root_id": ids.root_of(promise_id), "parent_id": ids.parent_of(promise_id)}
        told = {"correlation_id": promise_id, "delivery_tag": channel._next_delivery_tag()}
        message = {
            **like,
            "headers": {**like["headers"], **own},
            "properties": {**like["properties"], **told, "reply_to": self._app.thread_oid},
        }
        _keep_client(channel)
        try:
            channel._put(queue, message)
        except Exception:  # what connections need to be mended by, kombu knows
            make()

    def _learn(self, kind: tuple[Any, ...], channel: Any, make: Callable[[], None]) -> None:
        """Send the first of a kind, and see what comes out of it. A channel is one thread's at a time."""
        seen: list[tuple[str, dict[str, Any]]] = []
        put = channel._put

        def watched(queue: str, message: dict[str, Any], **said: Any) -> Any:
            seen.append((queue, message))
            return put(queue, message, **said)

        channel._put = watched
        _keep_client(channel)
        try:
            make()
        finally:
            del channel._put
        conf = self._app.conf  # Celery reads routes once, too
        fits = len(seen) == 1 and not conf.task_routes and not conf.task_send_sent_event and _is_plain(seen[0][1])
        if len(self._known) < _MOST:
            self._known[kind] = seen[0] if fits else None


def _is_plain(message: dict[str, Any]) -> bool:
    """Whether nobody else has put something on it, which would be another thing on the next one."""
    headers = message["headers"]
    return headers.keys() <= _OURS and not headers.get("stamps")


def _channel(producer: Any) -> Any:
    """The virtual channel of a producer; None where there is none, or no connection: kombu knows how to mend that."""
    try:
        channel = producer.channel
    except Exception:
        return None
    return channel if isinstance(channel, Channel) else None


def _keep_client(channel: Any) -> None:
    """A Redis channel of kombu's makes itself a client for every message, which takes as long as to send it."""
    make = getattr(channel, "_create_client", None)
    if make is None or "_create_client" in vars(channel):
        return
    kept: Any = None

    def create(asynchronous: bool = False) -> Any:
        nonlocal kept
        if asynchronous:
            return make(asynchronous=True)
        if kept is None or kept.connection_pool is not channel.pool:
            kept = make()
        return kept

    channel._create_client = create
