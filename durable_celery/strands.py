"""The strands of an attempt: its body, and the local children begun on threads of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from durable_celery.op import Op

#: A wait that ends within this time is sat out instead of suspended.
HOLD_MS = 1000
#: How often what arrived meanwhile is looked up while other threads of the attempt are busy.
PEEK_S = 0.5
#: The same while a short timer is sat out.
SHORT_PEEK_S = 0.1

#: After the path of a call: the scope of its strand between two tries.
_BETWEEN = "-"


@dataclass(frozen=True, slots=True)
class _Wait:
    """What a strand waits for: an operation, or with None only for other strands."""

    op: Op[Any] | None
    scope: str
    enough: Callable[[], bool]


class Strands:
    """Which of them are at work and which wait, known by the path of their local child; the body's is "".

    Whoever changes something holds the attempt's lock.
    """

    def __init__(self) -> None:
        self._active = {""}
        self._begun: set[str] = set()
        self._waiting: dict[str, _Wait] = {}
        self._abandoned: set[str] = set()
        self._thread = threading.local()

    @property
    def here(self) -> str:
        """The strand that asks."""
        return getattr(self._thread, "path", "")

    @property
    def waiting(self) -> Collection[Op[Any]]:
        """What the waiting ones wait for, except for each other."""
        return [each.op for each in self._waiting.values() if each.op is not None]

    @property
    def all_wait(self) -> bool:
        """Whether none is at work."""
        return not self._active

    @property
    def some_can_go_on(self) -> bool:
        """Whether a waiting one has what it waits for, and did not get its turn yet."""
        return any(each.enough() for each in self._waiting.values())

    @property
    def some_at_work(self) -> bool:
        """Whether one beside the body executes something."""
        return bool(self._begun.difference(self._waiting))

    def scope(self, op: Op[Any]) -> str:
        """What is told when this one waits for the operation: the child that made it, where this strand executes it.

        A strand that pauses before another try of its own call is in nobody's body: it is a scope for itself.
        """
        here = self.here
        if not here or f"{op.scope}.".startswith(f"{here}."):
            return op.scope
        return here + _BETWEEN if op.key == here else here

    def some_within(self, scope: str) -> bool:
        """Whether one beside the one that asks is inside this scope, be it at work or waiting."""
        others = self._begun.union(self._waiting).difference([self.here])
        return any(_is_within(path, scope, self._waiting.get(path)) for path in others)

    def begin(self, path: str) -> None:
        self._active.add(path)
        self._begun.add(path)

    def enter(self, path: str) -> None:
        """This thread is that strand."""
        self._thread.path = path

    def end(self, path: str) -> None:
        self._active.discard(path)
        self._begun.discard(path)

    def wait(self, path: str, op: Op[Any] | None, scope: str, enough: Callable[[], bool]) -> None:
        self._active.discard(path)
        self._waiting[path] = _Wait(op, scope, enough)

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


def _is_within(path: str, scope: str, waits: _Wait | None) -> bool:
    inner = path if waits is None else waits.scope
    return inner != scope and (not scope or inner.startswith((f"{scope}.", f"{scope}{_BETWEEN}")))


def left_s(op: Op[Any] | None, now_ms: int, at_most: float) -> float:
    """Seconds until a timer that it waits for ends."""
    if op is None:
        return at_most
    left_ms = [each.due_at - now_ms for each in op.awaits() if each.due_at is not None]
    return min([at_most, *(max(ms, 1) / 1000 for ms in left_ms)])
