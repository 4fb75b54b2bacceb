"""A store that hands out a recorded journal, and says what an attempt then writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from durable_celery.clock import ManualClock
from durable_celery.codec import Codec
from durable_celery.engine import Departure, Engine
from durable_celery.journal import Entry
from durable_celery.promise import Outcome, Phase, Promise, State
from durable_celery.registry import Registry
from durable_celery.store import Change, Claimed, Hold
from tests.simulation.world import LEASE_MS, QuietKeeper


class Recording:
    """One execution, held by whoever asks, with this journal; what is written is added to it."""

    rollbacks = 0

    def __init__(self, promise: Promise, journal: Mapping[str, str]) -> None:
        self.promise = replace(promise, state=State.PENDING, phase=Phase.ACQUIRED, value="")
        self.journal = dict(journal)
        self.written: list[str] = []
        self.outcome: Outcome | None = None

    @property
    def cursor(self) -> int:
        return sum(not path.endswith("!") for path in self.journal)

    def claim(self, promise_id: str, worker: str, lease_ms: int) -> Claimed:
        hold = Hold(promise_id, "1:recorded", lease_ms)
        return Claimed(hold, self.promise, dict(self.journal), self.cursor, 1_750_000_000_000)

    def checkpoint(
        self,
        hold: Hold,
        cursor: int,
        entries: Sequence[tuple[str, str]],
        changes: Sequence[Change] = (),
        log: None = None,
    ) -> None:
        assert not changes, "nothing of the corpus has a state"
        assert cursor == self.cursor
        for path, entry in entries:
            assert path not in self.journal
            self.journal[path] = entry
            self.written.append(path)

    def fulfil(
        self, hold: Hold, cursor: int, outcome: Outcome, *, changes: Sequence[Change] = (), log: None = None
    ) -> tuple[()]:
        assert not changes, "nothing of the corpus has a state"
        assert cursor == self.cursor
        self.outcome = outcome
        return ()


def replay(registry: Registry, promise: Promise, journal: Mapping[str, str]) -> Recording:
    """Carry an execution from this journal to its settlement, in one attempt."""
    recording: Any = Recording(promise, journal)
    clock = ManualClock()
    engine = Engine(
        store=recording,
        codec=Codec(),
        registry=registry,
        keeper=QuietKeeper(recording, clock),
        clock=clock,
        publish=lambda ready: None,
        lease_ms=LEASE_MS,
    )
    assert engine.attempt(promise.id, "replayer/1").departure is Departure.SETTLED
    return recording


def told(outcome: Outcome | Promise) -> tuple[State, Any]:
    """How it ended: the state, and the value or the error without its traceback."""
    value = Codec().decode(outcome.value)
    if isinstance(value, dict):
        value.pop("traceback", None)
    return outcome.state, value


def leaves(journal: Mapping[str, str]) -> set[str]:
    """The positions of recorded steps: local children that made no operations of their own."""
    paths = {path for path in journal if not path.endswith("!")}
    local = {path for path in paths if Entry.decode(journal[path]).kind == "run"}
    return {path for path in local if not any(other.startswith(path + ".") for other in paths)}
