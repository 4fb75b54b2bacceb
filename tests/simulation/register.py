"""Linearizability of promises: each is a register that is written once.

Every call has an interval, from when its caller asked to when it had the answer.
For a register that is written once, an order of all calls that fits their
intervals exists exactly when four things hold: all outcomes seen are one, at most
one caller was told that it was the first, whoever gave that outcome asked before
anybody saw it, and nobody who asked after that saw none.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from math import inf

from durable_celery.promise import Promise, State
from tests.simulation.monitor import Violation

Outcome = tuple[State, str]


@dataclass(slots=True)
class Call:
    """One call about one promise: what it saw or wrote. `answered` is infinite when no answer arrived."""

    by: str
    asked: float
    answered: float
    #: What it saw or wrote; None for still pending.
    outcome: Outcome | None
    #: Whether it would have written, and whether it was told that it did.
    writes: bool = False
    won: bool = False


def outcome_of(promise: Promise) -> Outcome | None:
    """What a record says."""
    return (promise.state, promise.value) if promise.state.settled else None


class Registers:
    """The calls of a history by promise."""

    def __init__(self) -> None:
        self._calls: dict[str, list[Call]] = defaultdict(list)
        self._cancels: list[float] = []
        self.checked = 0
        #: How often the store went back: calls from before are of another history.
        self.age = 0

    def add(self, promise_id: str, call: Call) -> None:
        self._calls[promise_id].append(call)
        self.checked += 1

    def begin(self, settled: dict[str, Outcome]) -> None:
        """The store went back to where these were settled: nothing else seen before holds any more."""
        self._calls.clear()
        self.age += 1
        for promise_id, outcome in settled.items():
            self._calls[promise_id].append(Call("the disk", 0, 0, outcome, writes=True))

    def cancelled(self, asked: float) -> None:
        """Somebody asked for a cancellation, which settles whatever is below it."""
        self._cancels.append(asked)

    def check(self) -> None:
        """Raise Violation for the first promise whose calls have no order."""
        for promise_id, calls in self._calls.items():
            _check(promise_id, calls, min(self._cancels, default=inf))


def _check(promise_id: str, calls: list[Call], cancel_asked: float) -> None:
    seen = [call for call in calls if call.outcome is not None and (call.won or not call.writes)]
    if not seen:
        return
    outcome = seen[0].outcome
    assert outcome is not None
    if any(call.outcome != outcome for call in seen):
        raise Violation("all who see an outcome see the same", promise_id, seen)
    winners = [call for call in seen if call.won]
    if len(winners) > 1:
        raise Violation("one settlement is the first", promise_id, winners)
    givers = winners or [call for call in calls if call.writes and call.outcome == outcome]
    given = min((call.asked for call in givers), default=inf)
    if outcome[0] is State.CANCELED and not winners:
        given = min(given, cancel_asked)
    if outcome[0] is State.TIMEDOUT:
        given = 0
    soonest = min(seen, key=lambda call: call.answered)
    if given > soonest.answered:
        raise Violation("an outcome is given before it is seen", promise_id, soonest, givers)
    for call in calls:
        if call.outcome is None and not call.writes and call.asked > soonest.answered:
            raise Violation("whoever asks after an outcome was seen sees it", promise_id, call, soonest)
