"""Pool processes, watched: the kernel says at once when one has died."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

logger = logging.getLogger("durable_celery")


class Children:
    """Which execution each pool process accepted last, and who to tell when the process is gone.

    Celery itself notices a lost process after seconds; on Linux a process file
    descriptor becomes readable the moment it ends. Elsewhere Celery's own
    notice has to do.
    """

    def __init__(self, hub: Any, died: Callable[[str, str, int], None]) -> None:
        self._hub = hub
        self._died = died
        self._accepted: dict[int, str] = {}
        self._descriptors: dict[int, int] = {}

    def accepted(self, pid: int, promise_id: str) -> None:
        """A pool process has taken an execution up."""
        if pid == os.getpid() or self._hub is None:
            return
        self._accepted[pid] = promise_id
        if pid not in self._descriptors and hasattr(os, "pidfd_open"):
            try:
                descriptor = os.pidfd_open(pid)
            except OSError:  # it is gone already, or the kernel is older than 5.3
                return
            self._descriptors[pid] = descriptor
            self._hub.add_reader(descriptor, self._ended, pid)

    def close(self) -> None:
        """Stop watching."""
        for descriptor in self._descriptors.values():
            self._forget(descriptor)
        self._descriptors.clear()

    def _ended(self, pid: int) -> None:
        descriptor = self._descriptors.pop(pid, None)
        if descriptor is not None:
            self._forget(descriptor)
        promise_id = self._accepted.pop(pid, None)
        if promise_id is not None:
            self._died(promise_id, f"its process {pid} died", pid)

    def _forget(self, descriptor: int) -> None:
        try:
            self._hub.remove_reader(descriptor)
        finally:
            os.close(descriptor)
