"""Presence: a subscription that dies with its worker.

A lease tells that a worker is gone only when it ends. The kernel tells at once:
it closes the connection of a killed process, and `PUBSUB NUMSUB` shows any
other worker that nobody listens to that node's channel any more. A frozen
process or a lost host keeps its connection; there the lease decides. A
connection that is lost without a word (a firewall forgot it) is seen in the same
place by the worker itself: nobody listens to its own channel.
"""

from __future__ import annotations

import logging
import threading
import time

import redis
from redis.exceptions import RedisError

from durable_celery.stores.redis.nodes import Server, subscriber

logger = logging.getLogger("durable_celery")

#: After a disturbance of our own connection the others may be reconnecting as well.
SETTLE_S = 2.0


class RedisPresence:
    """One worker's presence, and its view of the others."""

    def __init__(self, server: Server, prefix: str, node: str) -> None:
        self._server, self._prefix = server, prefix
        self._workers = prefix + "workers"
        self._channel = prefix + "node:"
        self._node = node
        self._missed: set[str] = set()
        #: How often in a row this node itself was not heard.
        self._unheard = 0
        self._judge_from = 0.0
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def attend(self) -> None:
        self._stopped.clear()
        pubsub = self._subscribe()
        self._thread = threading.Thread(target=self._listen, args=(pubsub,), name="durable-presence", daemon=True)
        self._thread.start()

    def gone(self) -> list[str]:
        if time.monotonic() < self._judge_from:
            self._missed.clear()
            return []
        try:
            members = self._server.at(self._prefix).zrange(self._workers, 0, -1)
        except (RedisError, OSError):
            self._disturbed()
            raise
        nodes = {self._node, *map(str, members)}
        absent = nodes - self._present(sorted(nodes))
        self._unheard = self._unheard + 1 if self._node in absent else 0
        absent.discard(self._node)
        twice = absent & self._missed
        self._missed = absent - twice
        return sorted(twice)

    def leave(self) -> None:
        self._stopped.set()
        try:
            self._server.at(self._prefix).zrem(self._workers, self._node)
        except (RedisError, OSError) as error:
            logger.debug("left without saying so: %s", error)

    def _present(self, nodes: list[str]) -> set[str]:
        """Who of them is subscribed, on whichever server; all of them when one that was to be asked did not answer."""
        channels = [self._channel + node for node in nodes]
        try:
            asked = self._server.everywhere() if nodes else []
            counted = [each for client in asked for each in client.pubsub_numsub(*channels)]
        except (RedisError, OSError) as error:
            logger.debug("nobody is judged for now: %s", error)
            self._disturbed()
            return set(nodes)
        return {str(channel)[len(self._channel) :] for channel, listeners in counted if int(listeners)}

    def _subscribe(self) -> redis.client.PubSub:
        client = self._server.at(self._prefix)
        pubsub = subscriber(client)
        pubsub.subscribe(self._channel + self._node)
        pubsub.get_message(timeout=2.0)  # the confirmation: from here on we are seen
        client.zadd(self._workers, {self._node: time.time()})
        self._unheard = 0
        return pubsub

    def _listen(self, pubsub: redis.client.PubSub) -> None:
        """Read and drop; what matters is that the connection stays, and comes back at once when it broke."""
        current: redis.client.PubSub | None = pubsub
        while not self._stopped.is_set():
            try:
                if current is None:
                    current = self._subscribe()
                current.get_message(timeout=1.0)
                if self._unheard > 1:
                    raise ConnectionError("nobody hears this worker any more")
            except Exception:  # a pool closed under its reader raises whatever it meets: a new connection mends it
                self._disturbed()
                if current is not None:
                    current.close()
                current = None
                self._stopped.wait(0.1)
        if current is not None:
            current.close()

    def _disturbed(self) -> None:
        self._server.renew()
        self._judge_from = time.monotonic() + SETTLE_S
