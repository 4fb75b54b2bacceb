"""Hints cast in the form of the first of their kind: what Celery and kombu made of it, with another id.

Two hints of one function differ in their ids only, and making a message from
scratch costs more than sending it. Where somebody listens to publishing, where
routes are set, or where the transport has no `_put` of kombu's virtual ones,
every message is made from scratch; so it is where something else puts headers
of its own on messages, as tracing does. Where the broker is the very Redis that
the store is in, the hint goes with the record, in one round trip.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

from celery import Celery, signals
from kombu.transport.redis import Channel as RedisChannel
from kombu.transport.virtual import Channel
from kombu.utils import json, uuid

from durable_celery import ids
from durable_celery.hint import Hint, address_of

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


class Kind(NamedTuple):
    """Hints with the same of these differ in their ids only."""

    function: str
    version: int
    queue: str
    priority: str
    is_resumed: bool


class Form(NamedTuple):
    """A message without its ids, for a queue; where that is a list of a Redis, also which list of which."""

    queue: str
    like: dict[str, Any]
    address: str
    list: str


class Moulds:
    """The forms that are known in this process, by kind of hint."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._pid = 0
        self._known: dict[Kind, Form | None] = {}

    def send(self, kind: Kind, promise_id: str, producer: Any, make: Callable[[], None]) -> None:
        """One hint; `make` sends it as Celery does, which the first of a kind is and what cannot be cast."""
        channel = _channel(producer)
        if channel is None or not self._may_cast():
            make()
        elif kind in self._known:
            self._cast(self._known[kind], promise_id, channel, make)
        else:
            self._learn(kind, channel, make)

    def hint(self, kind: Kind, promise_id: str) -> Hint | None:
        """One hint that goes with a record; None where the broker is no Redis, or one of this kind was never sent."""
        form = self._known.get(kind) if self._may_cast() else None
        if form is None or not form.address:
            return None
        return Hint(form.address, form.list, json.dumps(self._message(form, promise_id, uuid())))

    def _may_cast(self) -> bool:
        if self._pid != os.getpid():
            self._pid, self._known = os.getpid(), {}
        return not (any(signal.receivers for signal in _LISTENERS) or self._app.current_worker_task)

    def _cast(self, form: Form | None, promise_id: str, channel: Any, make: Callable[[], None]) -> None:
        if form is None:
            make()
            return
        message = self._message(form, promise_id, channel._next_delivery_tag())
        _keep_client(channel)
        try:
            channel._put(form.queue, message)
        except Exception:  # what connections need to be mended by, kombu knows
            make()

    def _message(self, form: Form, promise_id: str, tag: str) -> dict[str, Any]:
        own = {"id": promise_id, "root_id": ids.root_of(promise_id), "parent_id": ids.parent_of(promise_id)}
        told = {"correlation_id": promise_id, "delivery_tag": tag, "reply_to": self._app.thread_oid}
        headers, properties = {**form.like["headers"], **own}, {**form.like["properties"], **told}
        return {**form.like, "headers": headers, "properties": properties}

    def _learn(self, kind: Kind, channel: Any, make: Callable[[], None]) -> None:
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
            self._known[kind] = self._form(channel, *seen[0]) if fits else None

    def _form(self, channel: Any, queue: str, message: dict[str, Any]) -> Form:
        if len(self._app.connection_for_write().alt) > 1:  # of several brokers it may be another one next time
            return Form(queue, message, "", "")
        return _form(channel, queue, message)


def _form(channel: Any, queue: str, message: dict[str, Any]) -> Form:
    """What is learned from a message. Of a channel that puts in a way of its own, no list is known."""
    if not isinstance(channel, RedisChannel) or type(channel)._put is not RedisChannel._put or _expires(channel, queue):
        return Form(queue, message, "", "")
    redis: Any = channel
    prefix = getattr(redis, "global_keyprefix", "")
    key = redis._q_for_pri(queue, redis._get_message_priority(message, reverse=False))
    return Form(queue, message, address_of(getattr(redis.pool, "connection_kwargs", {})), f"{prefix}{key}")


def _expires(channel: Any, queue: str) -> bool:
    """Whether kombu (5.6 and newer) sets with every message for how long the list is kept."""
    return queue in (getattr(channel, "_expires", None) or ())


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
