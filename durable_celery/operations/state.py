"""What a handler reads of its object's state, and how a workflow's run changes it."""

from __future__ import annotations

from typing import Generic, TypeVar

from durable_celery.journal import Entry
from durable_celery.op import Op, Performer
from durable_celery.promise import Outcome, State
from durable_celery.store import Change

T = TypeVar("T")


class Known(Op[T], Generic[T]):
    """A value that is there already and needs no record: nobody else can change what it was read from."""

    kind = "get"

    def __init__(self, performer: Performer, name: str, value: T) -> None:
        super().__init__(performer, name, "")
        self._value = value

    def get(self) -> T:
        return self._value

    def start(self, entry: Entry | None) -> None:
        """It has no position."""

    def ready(self) -> bool:
        return True

    def take(self) -> T:
        return self._value


class Alter(Op[None]):
    """A change to a workflow's state, written in the same step as its entry: it can be read at once."""

    kind = "set"

    def __init__(self, performer: Performer, name: str, path: str, changes: list[Change]) -> None:
        super().__init__(performer, name, path)
        self._changes = changes

    def start(self, entry: Entry | None) -> None:
        if entry is None:
            self.performer.admit()
            made = Entry.at_once(self.kind, self.name, Outcome(State.RESOLVED, ""), self.performer.now_ms())
            self.performer.checkpoint(self.path, made, self._changes)
        self.performer.state.alter(self._changes)

    def ready(self) -> bool:
        return True

    def take(self) -> None:
        """Nothing comes of it."""
