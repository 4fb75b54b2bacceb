"""ctx.version: a gate in the code, so that running executions keep the way they have begun."""

from __future__ import annotations

from durable_celery.journal import GATE, Entry
from durable_celery.op import Op, Performer
from durable_celery.promise import Outcome, State


class Gate(Op[int]):
    """Recorded under its own name instead of a position: putting a gate in moves nothing.

    An execution whose journal goes on beyond this point, without the gate in it,
    passed before the gate was made: it is given the default, and nothing is written.
    """

    kind = "version"

    def __init__(self, performer: Performer, change: str, default: int, latest: int) -> None:
        super().__init__(performer, change, GATE + change)
        self._default = default
        self._latest = latest
        self._value: int | None = None

    def start(self, entry: Entry | None) -> None:
        if entry is not None:
            self._value = int(entry.payload)
            return
        if self.performer.journal.replaying:
            self._value = self._default
            return
        self.performer.admit()
        self._value = self._latest
        passed = Outcome(State.RESOLVED, str(self._latest))
        self.performer.checkpoint(self.path, Entry.at_once(self.kind, self.name, passed, self.performer.now_ms()))

    def ready(self) -> bool:
        return self._value is not None

    def take(self) -> int:
        assert self._value is not None
        return self._value
