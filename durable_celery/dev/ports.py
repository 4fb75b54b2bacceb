"""A free port on this machine, chosen so that it is still free a moment later."""

from __future__ import annotations

import random
import socket

#: Below the range from which Linux and macOS give ports to outgoing connections (32768 and 49152 up).
#: A client that keeps dialling a server that is down may otherwise be given that very port, and then
#: holds it, connected to itself, when the server wants to come back.
FIRST, LAST = 20000, 32000

_random = random.SystemRandom()


def free_port(host: str = "127.0.0.1", *, preferred: int | None = None) -> int:
    """Return a port nothing listens on, the preferred one if it can be. Another process may still take it first."""
    if preferred is not None and _can_bind(host, preferred):
        return preferred
    for _ in range(200):
        port = _random.randrange(FIRST, LAST)
        if _can_bind(host, port):
            return port
    message = f"no free port found on {host} between {FIRST} and {LAST}"
    raise OSError(message)


def _can_bind(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
