"""Hints that a promise may have settled, for all waiters of a process over one connection.

Only a hint: a waiter looks at the store by itself too, so a lost message costs
a little time and nothing else.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import Any

import redis

from durable_celery.stores.redis.nodes import Server, subscriber

logger = logging.getLogger("durable_celery")
Notify = Callable[[], None]

#: Keeps the connection subscribed while nobody waits.
_IDLE = "idle"
_PAUSE_S = 0.2


class Watcher:
    """One thread that subscribes and listens, started with the first watch and again in a forked process.

    A waiter is also told when its subscription begins, and begins again after a
    lost connection: what settled before that was not heard.
    """

    def __init__(self, server: Server, prefix: str) -> None:
        self._server = server
        self._prefix = prefix
        self._lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._waiting: dict[str, list[Notify]] = {}
        self._pubsub: redis.client.PubSub | None = None
        self._stopped: threading.Event | None = None

    def watch(self, promise_id: str, notify: Notify, *, closely: bool = False) -> Callable[[], None]:
        """Call `notify` at every hint about this promise until the returned function is called."""
        if self._pid != os.getpid():
            self._lock = threading.Lock()
            self._reset()
        channel = f"{self._prefix}{'moved' if closely else 'done'}:{promise_id}"
        with self._lock:
            waiting = self._waiting.setdefault(channel, [])
            waiting.append(notify)
            if self._stopped is None:
                self._stopped = threading.Event()
                args = (self._stopped,)
                threading.Thread(target=self._listen, args=args, name="durable-watch", daemon=True).start()
            elif len(waiting) == 1:
                self._tell("subscribe", channel)
        return lambda: self._unwatch(channel, notify)

    def close(self) -> None:
        """End the thread; a later watch starts another."""
        if self._pid == os.getpid():
            with self._lock:
                if self._stopped is not None:
                    self._stopped.set()
                self._reset()

    def _unwatch(self, channel: str, notify: Notify) -> None:
        if self._pid != os.getpid():
            return
        with self._lock:
            waiting = self._waiting.get(channel, [])
            if notify in waiting:
                waiting.remove(notify)
                if not waiting:
                    del self._waiting[channel]
                    self._tell("unsubscribe", channel)

    def _tell(self, verb: str, channel: str) -> None:
        """Ask for a change, under the lock; on a broken connection the thread will do it with a new one."""
        if self._pubsub is not None:
            try:
                getattr(self._pubsub, verb)(channel)
            except Exception as error:
                logger.debug("no hints for now, waiters will look by themselves: %s", error)

    def _listen(self, stopped: threading.Event) -> None:
        while not stopped.is_set():
            pubsub = None
            try:
                pubsub = subscriber(self._server.at(self._prefix))
                self._subscribe(pubsub, stopped)
                while not stopped.is_set():
                    self._hear(pubsub.get_message(timeout=1.0))
            except Exception as error:  # whatever broke, a new connection mends it
                logger.debug("no hints for now, waiters will look by themselves: %s", error)
                self._server.renew()
            if pubsub is not None:
                with self._lock:
                    if self._pubsub is pubsub:
                        self._pubsub = None
                pubsub.close()
            stopped.wait(_PAUSE_S)

    def _subscribe(self, pubsub: redis.client.PubSub, stopped: threading.Event) -> None:
        pubsub.subscribe(self._prefix + _IDLE)  # connects, which may take a while: not under the lock
        with self._lock:
            if self._stopped is stopped:
                self._pubsub = pubsub
                if self._waiting:
                    pubsub.subscribe(*self._waiting)

    def _hear(self, message: dict[str, Any] | None) -> None:
        if message is None or message["type"] == "unsubscribe":
            return
        with self._lock:
            waiting = tuple(self._waiting.get(message["channel"], ()))
        for notify in waiting:
            try:
                notify()
            except Exception:
                logger.exception("a watcher of %s failed", message["channel"])
