"""Tide: how far this process has seen a store go. A store that is behind that has lost its tail."""

from __future__ import annotations

import logging

from durable_celery import telemetry

logger = logging.getLogger("durable_celery")

#: The count of a script that ran while memory was full.
_UNKNOWN = -1


class Tide:
    """The highest count of any reply so far; shared by all connections of a process to one store.

    Threads may race for `seen`; the worst of it is a mark that is one reply too low.
    """

    def __init__(self) -> None:
        self.seen = 0
        self.rollbacks = 0

    def note(self, count: int, floor: int, rollbacks: int, *, counted: bool) -> None:
        """A reply to a call that was sent when the store had been seen at `floor`, after so many rollbacks."""
        if count == _UNKNOWN or rollbacks != self.rollbacks:
            return
        if count < floor or (counted and count == floor):
            self._lost(floor, count)
        elif count > self.seen:
            self.seen = count

    def _lost(self, floor: int, count: int) -> None:
        self.rollbacks += 1
        self.seen = count
        logger.error(
            "the store has gone back in time: it is at change %d and was seen at %d. What was written in between is "
            "lost (power cut, failover, or a restored backup); executions held here are replayed from what is there",
            count,
            floor,
        )
        telemetry.emit(telemetry.STORE_ROLLBACK, seen=floor, found=count)
