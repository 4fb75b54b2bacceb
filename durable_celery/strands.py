"""The strands of an attempt: its body, and the local children begun on threads of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from typing import Any

from durable_celery.op import Op


class Strands:
    """Which of them are at work and which wait, known by the path of their local child; the body's is "".

    Whoever changes something holds the attempt's lock.
    """

    def __init__(self) -> None:
        self._active = {""}
        self._begun: set[str] = set()
        self._waiting: dict[str, tuple[Op[Any], Callable[[], bool]]] = {}
        self._abandoned: set[str] = set()
        self._thread = threading.local()

    @property
    def here(self) -> str:
        """The strand that asks."""
        return getattr(self._thread, "path", "")

    @property
    def waiting(self) -> Collection[Op[Any]]:
        """What the waiting ones wait for."""
        return [op for op, _ in self._waiting.values()]

    @property
    def all_wait(self) -> bool:
        """Whether none is at work."""
        return not self._active

    @property
    def some_can_go_on(self) -> bool:
        """Whether a waiting one has what it waits for, and did not get its turn yet."""
        return any(enough() for _, enough in self._waiting.values())

    @property
    def some_at_work(self) -> bool:
        """Whether one beside the body executes something."""
        return bool(self._begun.difference(self._waiting))

    def begin(self, path: str) -> None:
        self._active.add(path)
        self._begun.add(path)

    def enter(self, path: str) -> None:
        """This thread is that strand."""
        self._thread.path = path

    def end(self, path: str) -> None:
        self._active.discard(path)
        self._begun.discard(path)

    def wait(self, path: str, op: Op[Any], enough: Callable[[], bool]) -> None:
        self._active.discard(path)
        self._waiting[path] = op, enough

    def resume(self, path: str) -> None:
        self._waiting.pop(path, None)
        if not self.is_abandoned(path):
            self._active.add(path)

    def abandon(self, path: str) -> None:
        """Count a strand, and those inside it, no more."""
        self._abandoned.add(path)
        for strand in [each for each in self._begun if self.is_abandoned(each)]:
            self.end(strand)
            self._waiting.pop(strand, None)

    def is_abandoned(self, path: str) -> bool:
        """Whether it is, or is inside, a call that nobody waits for any more."""
        return bool(self._abandoned) and any(f"{path}.".startswith(f"{each}.") for each in self._abandoned)


def left_s(op: Op[Any], now_ms: int, at_most: float) -> float:
    """Seconds until a timer that it waits for ends."""
    left_ms = [each.due_at - now_ms for each in op.awaits() if each.due_at is not None]
    return min([at_most, *(max(ms, 1) / 1000 for ms in left_ms)])
