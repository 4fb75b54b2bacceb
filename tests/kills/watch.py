"""When those that were struck lost what they held: detection, apart from waiting for somebody with a free hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from durable_celery import StoreUnavailable, ids
from durable_celery.promise import Phase
from tests.acceptance.workers.ledger import Line
from tests.kills import laws
from tests.kills.strikes import Strike

_LOOK_S = 0.05

#: An execution and the attempt in which it was cut off.
Held = tuple[str, int]


def held_by(run: Line) -> Held:
    return ids.parent_of(run.id) or run.id, run.value


class Watch:
    """Looks at what struck processes hold until they hold it no more, and at whether any worker is up."""

    def __init__(self, durable: Any, anybody_up: Callable[[], bool]) -> None:
        self.let_go: dict[Held, float] = {}
        self._durable, self._anybody_up = durable, anybody_up
        self._held: set[Held] = set()
        #: Seconds without any worker, as a sum by the time of each look.
        self._down: list[tuple[float, float]] = [(time.monotonic(), 0.0)]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go, name="watch", daemon=True)
        self._thread.start()

    def struck(self, strike: Strike, lines: list[Line]) -> None:
        runs = laws.Runs(lines)
        self._held |= {held_by(run) for run in runs.at_work(strike.pids, strike.at)}

    def up_s(self, begin: float, end: float) -> float:
        """Seconds between the two in which some worker was up."""
        return end - begin - (self._down_until(end) - self._down_until(begin))

    def close(self) -> None:
        self._over.set()
        self._thread.join(10)

    def _go(self) -> None:
        while not self._over.wait(_LOOK_S):
            now, (last, down) = time.monotonic(), self._down[-1]
            self._down.append((now, down if self._anybody_up() else down + now - last))
            for held in list(self._held):
                if self._is_let_go(*held):
                    self.let_go[held] = time.monotonic()
                    self._held.discard(held)

    def _is_let_go(self, execution: str, attempt: int) -> bool:
        try:
            promise = self._durable.get(execution).promise()
        except StoreUnavailable:
            return False
        return promise.phase is not Phase.ACQUIRED or promise.attempt != attempt

    def _down_until(self, at: float) -> float:
        return max((down for when, down in self._down if when <= at), default=0.0)
