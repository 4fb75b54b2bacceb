"""Random programs, and what each must come to."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.programs import COMMANDS, KEYS, LAYERS

Command = list[Any]
#: What trees have that somebody may cancel: nothing that is counted outside of them.
_LOOSE = ("step", "flaky", "local", "rpc", "gather", "strands", "mixed", "in_turn", "sleep", "promise", "saga", "loop")
_BRANCHING = ("gather", "strands", "in_turn")
_NESTING = ("local", "rpc", "mixed", "select", "limit", "late", "handed", "detached", "workflow", *_BRANCHING)


@dataclass
class Sum:
    """What a program must come to."""

    value: int = 0
    steps: int = 0
    counters: Counter[str] = field(default_factory=Counter)
    #: Children with ids of their own, which are done once for all who ask.
    shared: dict[str, list[Command]] = field(default_factory=dict)

    def whole(self) -> Sum:
        """With the shared children, each once."""
        for commands in list(self.shared.values()):
            add_up(commands, self)
        return self


def add_up(commands: list[Command], into: Sum) -> int:
    """Add what a program does; answers what it returns."""
    return sum(_of(kind, rest, into) for kind, *rest in commands)


def _of(kind: str, rest: list[Any], into: Sum) -> int:
    if kind in _BRANCHING:
        return sum(add_up(each, into) for each in rest)
    if kind in ("select", "limit", "late", "detached"):
        add_up(rest[-1], into)
        return 1
    if kind == "mixed":
        return add_up(rest[0], into) + add_up(rest[1], into)
    if kind in ("local", "rpc", "workflow"):
        return add_up(rest[0], into)
    if kind == "handed":
        return 1 + add_up(rest[0], into)
    if kind == "shared":
        into.shared[rest[0]] = rest[1]
        return add_up(rest[1], Sum())
    if kind in ("add", "add_at_once"):
        _count(rest[0], into)
        return len(rest[0])
    if kind == "send":
        _count(rest, into)
        return 1
    return _small(kind, rest, into)


def _small(kind: str, rest: list[Any], into: Sum) -> int:
    """Those that have no parts."""
    value, steps = {
        "step": lambda number: (number, 1),
        "flaky": lambda times: (times, 1),
        "sleep": lambda seconds: (0, 0),
        "promise": lambda: (2, 1),
        "awakeable": lambda: (3, 0),
        "time": lambda: (1, 0),
        "look": lambda layer, key: (1, 0),
        "loop": lambda times: (7, times),
        # What refuses is not recorded as done, but what it undoes is.
        "saga": lambda actions, fails: (5, 2 * actions) if fails else (actions, actions),
    }[kind](*rest)
    into.steps += steps
    return value


def _count(calls: list[dict[str, Any]], into: Sum) -> None:
    for call in calls:
        into.counters[f"{call['layer']}{call['key']}"] += call["n"]
        into.steps += 1
        _count(call["then"], into)


class Author:
    """Writes programs."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._shared = {f"S{number}": self.write(2, 2, _LOOSE) for number in range(2)}

    def write(self, most: int, depth: int, kinds: tuple[str, ...] = ()) -> list[Command]:
        """At most so many commands, nested so deep; without `kinds`, of all of them."""
        allowed = [each for each in kinds or tuple(COMMANDS) if depth or each not in _NESTING]
        return [self._command(self._rng.choice(allowed), depth, kinds) for _ in range(self._rng.randint(1, most))]

    def loose(self) -> list[Command]:
        """One that may be cancelled."""
        return self.write(5, 2, _LOOSE)

    def _command(self, kind: str, depth: int, kinds: tuple[str, ...]) -> Command:
        return [kind, *self._arguments(kind, lambda: self.write(2, depth - 1, kinds))]

    def _arguments(self, kind: str, inner: Callable[[], list[Command]]) -> list[Any]:
        rng = self._rng
        if kind in _BRANCHING:
            return [inner() for _ in range(rng.randint(1, 3))]
        if kind in ("select", "limit", "late"):
            return [self._seconds(), inner()]
        if kind == "mixed":
            return [inner(), inner()]
        if kind in _NESTING:
            return [inner()]
        if kind == "shared":
            return list(rng.choice(sorted(self._shared.items())))
        if kind in ("add", "add_at_once"):
            return [[self._call(0) for _ in range(rng.randint(1, 3))]]
        if kind == "look":
            return [rng.randrange(len(LAYERS)), rng.choice(KEYS)]
        return {
            "step": lambda: [rng.randint(1, 9)],
            "flaky": lambda: [rng.randint(1, 3)],
            "sleep": lambda: [self._seconds()],
            "loop": lambda: [rng.randint(1, 3)],
            "saga": lambda: [rng.randint(1, 3), rng.random() < 0.5],
            "send": lambda: [self._call(0)],
        }.get(kind, list)()

    def _seconds(self) -> float:
        return self._rng.choice([0.2, 0.7, 3, 40, 3600, 6 * 3600])

    def _call(self, above: int) -> dict[str, Any]:
        """To add to a counter, and on the way to others in layers further down: nobody waits in a circle."""
        layer = self._rng.randrange(above, len(LAYERS))
        further = layer + 1 < len(LAYERS) and self._rng.random() < 0.5
        then = [self._call(layer + 1) for _ in range(self._rng.randint(1, 2))] if further else []
        return {"layer": layer, "key": self._rng.choice(KEYS), "n": self._rng.randint(1, 9), "then": then}
