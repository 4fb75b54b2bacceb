"""Hints that a promise may have settled, for all waiters of a process over one connection.

Only a hint: a waiter looks at the store by itself too, so a lost message costs
a little time and nothing else.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

import redis
from redis.exceptions import RedisError

logger = logging.getLogger("durable_celery")
Notify = Callable[[], None]

_IDLE = "idle"


class Watcher:
    """One subscriber thread, started with the first watch and again in a forked process."""

    def __init__(self, client: redis.Redis, prefix: str) -> None:
        self._client = client
        self._channel = prefix + "done:"
        self._lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._waiting: dict[str, list[Notify]] = {}
        self._pubsub: redis.client.PubSub | None = None
        self._stopped = threading.Event()

    def watch(self, promise_id: str, notify: Notify) -> Callable[[], None]:
        """Call `notify` at every hint about this promise until the returned function is called."""
        if self._pid != os.getpid():
            self._lock = threading.Lock()
            self._reset()
        channel = self._channel + promise_id
        with self._lock:
            waiting = self._waiting.setdefault(channel, [])
            waiting.append(notify)
            if len(waiting) == 1:
                self._tell("subscribe", channel)
        return lambda: self._unwatch(channel, notify)

    def _unwatch(self, channel: str, notify: Notify) -> None:
        with self._lock:
            waiting = self._waiting.get(channel, [])
            if notify in waiting:
                waiting.remove(notify)
            if not waiting and self._waiting.pop(channel, None) is not None:
                self._tell("unsubscribe", channel)

    def _tell(self, verb: str, channel: str) -> None:
        try:
            if self._pubsub is None:
                self._pubsub = self._client.pubsub(ignore_subscribe_messages=True)
                self._pubsub.subscribe(self._channel + _IDLE)
                threading.Thread(
                    target=self._listen, args=(self._pubsub, self._stopped), name="durable-watch", daemon=True
                ).start()
            getattr(self._pubsub, verb)(channel)
        except (RedisError, OSError) as error:
            logger.debug("no hints for now, waiters will poll: %s", error)

    def _listen(self, pubsub: redis.client.PubSub, stopped: threading.Event) -> None:
        while not stopped.is_set():
            try:
                message = pubsub.get_message(timeout=1.0)
            except (RedisError, OSError, ValueError):
                stopped.wait(0.2)
                continue
            if message and message["type"] == "message":
                with self._lock:
                    waiting = tuple(self._waiting.get(message["channel"], ()))
                for notify in waiting:
                    notify()
        pubsub.close()

    def close(self) -> None:
        """End the thread; a later watch starts another."""
        self._stopped.set()
        self._reset()
