"""A pool whose connections cost as little as they can between two calls, and during one.

redis-py polls a connection's socket whenever it is taken, and counts who has it: as much work as sending
a command. Here what is broken shows by the call that meets it, which is tried again by `Connection`;
`wire.call` closes all idle ones then, so that one failure is enough. And Python polls a socket that
has a timeout before it sends and before it receives, each time giving other threads the interpreter:
so timeouts are the kernel's.
"""

from __future__ import annotations

import _socket
import inspect
import os
import socket
import struct
from collections import deque
from typing import Any

import redis
from redis import exceptions

#: redis-py before 5.3 wants to be told of a command, and does not use it.
_SAID = inspect.signature(redis.ConnectionPool.get_connection).parameters["command_name"].default is inspect._empty
#: Windows has them too, and takes another form of time.
_LIMITS = () if os.name == "nt" else (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO)

_LATE = "it took longer than the timeout of its connection"


def taken(pool: redis.ConnectionPool) -> Any:
    """A connection of a pool, to be given back with `release`."""
    return pool.get_connection("any") if _SAID else pool.get_connection()


class _KernelTimed(redis.Connection):
    """Its `socket_timeout` is kept by the kernel."""

    def _connect(self) -> Any:
        made = super()._connect()  # type: ignore[no-untyped-call]
        limit_s = self.socket_timeout
        # Sockets of gevent and eventlet do not wait in the kernel.
        if limit_s is not None and _LIMITS and isinstance(made, _socket.socket):
            timeval = struct.pack("ll", int(limit_s), int(limit_s % 1 * 1_000_000))
            for limit in _LIMITS:
                made.setsockopt(socket.SOL_SOCKET, limit, timeval)
            made.settimeout(None)
        return made

    def send_packed_command(self, *said: Any, **named: Any) -> Any:
        try:
            return super().send_packed_command(*said, **named)  # type: ignore[no-untyped-call]
        except exceptions.ConnectionError as error:
            if _is_late(error):
                raise exceptions.TimeoutError(_LATE) from error
            raise

    def read_response(self, *said: Any, **named: Any) -> Any:
        try:
            return super().read_response(*said, **named)
        except exceptions.ConnectionError as error:
            if _is_late(error):
                raise exceptions.TimeoutError(_LATE) from error
            raise


def _is_late(error: exceptions.ConnectionError) -> bool:
    """Whether the kernel has kept the time: it says that it would block."""
    return isinstance(error.__context__, BlockingIOError)


class Pool(redis.ConnectionPool):
    """What is idle here is in use for redis-py, by which it is made, counted and closed."""

    def __init__(self, connection_class: Any = redis.Connection, **said: Any) -> None:
        super().__init__(_KernelTimed if connection_class is redis.Connection else connection_class, **said)

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
