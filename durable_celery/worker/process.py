"""What this worker is called in leases, and whether it is on its way out: known to all its pool processes."""

from __future__ import annotations

import mmap
import os
import secrets
import socket


class Process:
    """One worker's identity. Made in its main process, inherited by the children it forks."""

    def __init__(self, hostname: str = "") -> None:
        name = (hostname or f"python@{socket.gethostname()}").replace("/", "_").replace("|", "_")
        self.node = f"{name}:{os.getpid()}:{secrets.token_hex(3)}"
        self._flag = mmap.mmap(-1, 1)  # anonymous and shared: a byte set in the parent is seen in every child

    @property
    def holder(self) -> str:
        """Who holds a lease: the worker, and the process of it that executes."""
        return self.holder_of(os.getpid())

    def holder_of(self, pid: int) -> str:
        """The same for another process of this worker."""
        return f"{self.node}/{pid}"

    def drain(self) -> None:
        """From now on every attempt hands over before its next operation."""
        self._flag[0] = 1

    def draining(self) -> bool:
        """Whether the worker is shutting down."""
        return self._flag[0] == 1
