"""A pool whose connections are taken and given back without asking each whether it is still well.

redis-py polls a connection's socket whenever it is taken, and counts who has it: as much work
as sending a command. Here what is broken shows by the call that meets it, which is
tried again by `Connection`; `wire.call` closes all idle ones then, so that one failure is enough.
"""

from __future__ import annotations

import inspect
import os
from collections import deque
from typing import Any

import redis

#: redis-py before 5.3 wants to be told of a command, and does not use it.
_SAID = inspect.signature(redis.ConnectionPool.get_connection).parameters["command_name"].default is inspect._empty


def taken(pool: redis.ConnectionPool) -> Any:
    """A connection of a pool, to be given back with `release`."""
    return pool.get_connection("any") if _SAID else pool.get_connection()


class Pool(redis.ConnectionPool):
    """What is idle here is in use for redis-py, by which it is made, counted and closed."""

    def reset(self) -> None:
        """Forget all connections, as redis-py does in a process that was forked."""
        self._idle: deque[Any] = deque()
        super().reset()

    def get_connection(self, *said: Any, **named: Any) -> Any:
        if self.pid == os.getpid():
            try:
                return self._idle.pop()
            except IndexError:
                pass
        return super().get_connection(*said, **named)

    def release(self, connection: Any) -> None:
        if connection.pid == self.pid == os.getpid():
            self._idle.append(connection)
        else:
            super().release(connection)

    def disconnect(self, inuse_connections: bool = True) -> None:
        """Close those that are idle, or all; what is broken is made anew by whoever takes it."""
        while True:
            try:
                super().release(self._idle.pop())
            except IndexError:
                break
        super().disconnect(inuse_connections)
