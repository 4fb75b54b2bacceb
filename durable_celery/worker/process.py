"""What this worker is called in leases, and whether it is on its way out: known to all its pool processes."""

from __future__ import annotations

import mmap
import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

from billiard import common
from celery.exceptions import WorkerTerminate


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


def tell_termination_apart() -> None:
    """In a pool process: let the exit that a signal asks for not look like a `sys.exit()` of the step it meets.

    Billiard's handler raises a plain SystemExit wherever the process is; what
    it interrupts has not failed, it goes on elsewhere.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    handler: Any = vars(common)["_shutdown_cleanup"]
    for number in signal.valid_signals():
        if signal.getsignal(number) is handler:  # a process may have other handlers of its own
            signal.signal(number, _terminating(vars(common)["_shutdown_cleanup"]))


def _terminating(handler: Callable[[int, Any], None]) -> Callable[[int, Any], None]:
    def terminated(number: int, frame: Any) -> None:
        try:
            handler(number, frame)
        except SystemExit as asked:
            raise WorkerTerminate(asked.code) from None

    return terminated
