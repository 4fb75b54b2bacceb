"""A client that keeps so many executions of all shapes under way, and notes what it was told."""

from __future__ import annotations

import itertools
import random
import threading
import time
from typing import Any

from durable_celery import Handle, PromiseNotFound, StoreUnavailable

#: Shapes with their arguments before the length of a step, and how often each is drawn.
SHAPES: dict[str, tuple[tuple[Any, ...], int]] = {
    "steps": ((6,), 3),
    "plain": ((4,), 2),
    "family": ((), 2),
    "naps": ((), 1),
    "asks": ((), 1),
    "sells": ((), 1),
}


class Load:
    """Starts executions as fast as they end, until `finish`."""

    def __init__(self, durable: Any, *, at_once: int, step_s: float, seed: int) -> None:
        self.results: dict[str, dict[str, Any]] = {}
        self.started: list[str] = []
        self.errors: list[str] = []
        self.refused = 0
        self._durable = durable
        self._at_once, self._step_s = at_once, step_s
        self._chance = random.Random(seed)
        self._number = itertools.count()
        self._open: dict[str, Handle[Any] | None] = {}
        self._shapes: dict[str, str] = {}
        self._asked: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go, daemon=True)
        self._thread.start()

    def finish(self, deadline_s: float) -> list[str]:
        """No further executions; those that had not ended when time was up."""
        self._over.set()
        self._thread.join(60)
        until = time.monotonic() + deadline_s
        while self._open and time.monotonic() < until:
            self._look()
            time.sleep(0.05)
        return sorted(self._open)

    def described(self, name: str) -> str:
        """What the store says about one, for the report of a broken law."""
        promise = self._durable.get(name).promise()
        return f"{name} ({self._shapes[name]}) never ended: {promise.state}, {promise.phase}, attempt {promise.attempt}"

    def close(self) -> None:
        self._over.set()
        self._thread.join(60)

    def _go(self) -> None:
        while not self._over.is_set():
            for _ in range(self._at_once - len(self._open)):
                name = f"x{next(self._number)}"
                self._shapes[name] = self._chance.choices(list(SHAPES), [often for _, often in SHAPES.values()])[0]
                self._open[name] = None
            self._look()
            self._over.wait(0.05)

    def _look(self) -> None:
        for name in list(self._open):
            try:
                self._look_at(name)
            except StoreUnavailable:
                self.refused += 1
            except Exception as error:
                self.errors.append(f"{name} ({self._shapes[name]}): {error!r}")
                del self._open[name]

    def _look_at(self, name: str) -> None:
        handle = self._open[name]
        if handle is None:  # not started, or not known to be: the same id again
            shape = self._shapes[name]
            self._open[name] = self._durable.run(name, shape, *SHAPES[shape][0], self._step_s)
            self.started.append(name)
        elif handle.done():
            self.results[name] = handle.result(5)
            del self._open[name]
        elif self._shapes[name] == "asks" and name not in self._asked:
            self._resolve(name)

    def _resolve(self, name: str) -> None:
        try:
            self._durable.promises.resolve(f"{name}.1", {})
            self._asked.add(name)
        except PromiseNotFound:
            pass  # it has not come so far
