"""Celery's `revoke`, also for executions of which no worker has a message: those asleep, or waiting."""

from __future__ import annotations

from collections.abc import Callable

from celery.worker import state


class Revoked:
    """Tells of each id that was revoked, until `cancel` answers that it was seen to."""

    def __init__(self, cancel: Callable[[str], bool]) -> None:
        self._cancel = cancel
        self._seen: set[str] = set()

    def look(self) -> None:
        """Cancel what was revoked; ids of tasks that are not durable are told as well."""
        revoked: set[str] = set(state.revoked)
        self._seen &= revoked
        self._seen |= {task_id for task_id in revoked - self._seen if self._cancel(task_id)}
