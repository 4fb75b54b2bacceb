"""Tending: what a store does for Celery tasks that executions wait for.

Such a task is an external promise that carries what to send in `canvas`. Its
result usually arrives by a callback; for when that, or the task itself, is
lost, every store keeps a list of those to look at, for any worker to go through.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from durable_celery.promise import Promise


@dataclass(frozen=True, slots=True)
class Tended:
    """The task children to look at, and the store's time at which they were handed out."""

    now_ms: int
    promises: tuple[Promise, ...]


class Tending(Protocol):
    """The part of the store's contract that is about task children."""

    def tend(self, limit: int = 100) -> Tended:
        """T20. The task children to look at now: pending ones, and once each that was cancelled or timed out.

        Each pending one is put off, for longer every time, so that one of many
        workers has it. One that was never sent is left out for its first looks
        while the attempt that created it still holds the parent: it is about to send it.
        """

    def sent(self, promise_id: str, sends: int) -> None:
        """T21. The message of a task child was published, for the `sends`-th time: looked at from the start again.

        Does nothing to one that is settled or gone.
        """
