"""Visits every state that a model can get into, breadth first, and says which of its properties do not hold.

A property is a law of the model that must hold in every state, or one of the two that every model has: there is
no deadlock, and the goal stays within reach. Neither of those two may rely on another fault happening.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, Protocol, TypeVar

S = TypeVar("S", bound=Hashable)

NO_DEADLOCK = "there is always a next step until the goal"
WITHIN_REACH = "the goal stays within reach"


class Step(NamedTuple, Generic[S]):
    """One thing that can happen next; a fault is one that nothing may rely on."""

    label: str
    state: S
    fault: bool = False


class Model(Protocol[S]):
    """What can happen, what must hold in every state, and what everything is for."""

    @property
    def laws(self) -> Mapping[str, Callable[[S], bool]]: ...

    def initial(self) -> Iterable[S]: ...

    def steps(self, state: S) -> Iterator[Step[S]]: ...

    def goal(self, state: S) -> bool: ...


@dataclass(frozen=True, kw_only=True)
class Report:
    """How much was seen, and for each property that does not hold the labels that lead to a state without it."""

    states: int
    transitions: int
    broken: Mapping[str, list[str]]


def explore(model: Model[S], *, stop_at: str | None = None, limit: int = 3_000_000) -> Report:
    """Visit all states, or as far as one that breaks the law `stop_at`. OverflowError beyond `limit` states."""
    walk: _Walk[S] = _Walk()
    for state in model.initial():
        walk.visit(state)
    while walk.waiting and stop_at not in walk.broken:
        if len(walk.known) > limit:
            raise OverflowError(f"more than {limit} states")
        _look(model, walk, *walk.waiting.popleft())
    if not walk.waiting:
        walk.find_stuck()
    broken = {name: walk.trace(number) for name, number in walk.broken.items()}
    return Report(states=len(walk.known), transitions=walk.transitions, broken=broken)


def _look(model: Model[S], walk: _Walk[S], number: int, state: S) -> None:
    """Hold one state against the laws and note where it leads."""
    for name, holds in model.laws.items():
        if name not in walk.broken and not holds(state):
            walk.broken[name] = number
    done = model.goal(state)
    if done:
        walk.goals.append(number)
    idle = True
    for label, after, fault in model.steps(state):
        walk.transitions += 1
        target = walk.visit(after, number, label)
        if not fault:
            idle = False
            walk.sources[target].append(number)
    if idle and not done:
        walk.broken.setdefault(NO_DEADLOCK, number)


@dataclass
class _Walk(Generic[S]):
    """What is known so far; states are known by their numbers, in the order in which they were found."""

    known: dict[S, int] = field(default_factory=dict)
    waiting: deque[tuple[int, S]] = field(default_factory=deque)
    found_by: list[tuple[int, str]] = field(default_factory=list)
    sources: list[list[int]] = field(default_factory=list)
    goals: list[int] = field(default_factory=list)
    broken: dict[str, int] = field(default_factory=dict)
    transitions: int = 0

    def visit(self, state: S, source: int = -1, label: str = "") -> int:
        number = self.known.setdefault(state, len(self.found_by))
        if number == len(self.found_by):
            self.found_by.append((source, label))
            self.sources.append([])
            self.waiting.append((number, state))
        return number

    def find_stuck(self) -> None:
        """Go back from every goal, along all that is not a fault; what is not met on the way is stuck."""
        reached = bytearray(len(self.known))
        ahead = list(self.goals)
        while ahead:
            number = ahead.pop()
            if not reached[number]:
                reached[number] = 1
                ahead += self.sources[number]
        first = reached.find(0)
        if first >= 0:
            self.broken[WITHIN_REACH] = first

    def trace(self, number: int) -> list[str]:
        labels: list[str] = []
        while number >= 0:
            number, label = self.found_by[number]
            labels.append(label)
        return labels[-2::-1]
