"""What steps did in the outside world, counted beside the store: the truth that recovery is judged by."""

from __future__ import annotations

import contextvars
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

#: The actor whose code runs at the moment; threads that the engine starts inherit it.
ACTOR: contextvars.ContextVar[Any] = contextvars.ContextVar("actor", default=None)


class Ledger:
    """Counts by label how often each step was begun, and knows which of them are recorded."""

    def __init__(self) -> None:
        self.clear()

    def clear(self, on_begin: Callable[[str], None] | None = None) -> None:
        """Forget everything; `on_begin` is told of every step before it is counted."""
        self.begun: Counter[str] = Counter()
        self.recorded: set[str] = set()
        self._on_begin = on_begin
        self._pending: dict[tuple[Any, int], str] = {}
        self._lock = threading.Lock()

    def did(self, label: str) -> None:
        """Called by a step as the first thing it does; labels are unique within a history."""
        if self._on_begin is not None:
            self._on_begin(label)
        with self._lock:
            self.begun[label] += 1
            self._pending[self._here()] = label

    def checkpointed(self) -> None:
        """The step begun last by this actor on this thread is recorded now."""
        with self._lock:
            label = self._pending.pop(self._here(), None)
            if label is not None:
                self.recorded.add(label)

    @property
    def extra(self) -> int:
        """How many executions there were beyond one for each step."""
        return sum(times - 1 for times in self.begun.values())

    def _here(self) -> tuple[Any, int]:
        return id(ACTOR.get()), threading.get_ident()


#: The ledger of the history that is being played.
LEDGER = Ledger()


def did(label: str) -> None:
    """Note that a step has begun."""
    LEDGER.did(label)
