"""Cancellation, as one attempt sees it: when each scope of a body is told, once, and at the same place in every replay.

A scope is the body, or a local child that takes a ctx. It is told at the next
operation that it makes or waits for after all it had recorded; where that was
is noted in the journal.
"""

from __future__ import annotations

from typing import Any

from durable_celery.journal import NOTE, Entry, Journal, scope_of
from durable_celery.op import Op
from durable_celery.promise import Outcome, State

_NAME = "cancelled:"
_BEGUN, _TAKEN = "begun", "taken"


class Cancellation:
    """`asked`: somebody cancels the execution. `heeded`: everything below it is settled, its scopes may be told."""

    def __init__(self, journal: Journal, *, asked: bool) -> None:
        self.asked = asked
        self.heeded = False
        self._journal = journal
        self._raised: set[str] = set()

    def recorded(self, op: Op[Any], scope: str, *, taken: bool = False) -> bool:
        """Whether an earlier attempt told the scope at this operation, begun again here if it was then. True once.

        With `taken` it is about the error that the operation gave: one that was told by that is told by it again.
        """
        if not self.asked:  # it was, before a scope could be told
            return False
        note = self._journal.note(_NAME + scope)
        if note is None:
            return False
        self.heeded = True
        place, _, how = note.payload.partition(" ")
        how, _, parts = how.partition(" ")
        if place != op.key or (parts and parts != _parts(op)) or (how == _TAKEN) != taken or scope in self._raised:
            return False
        self._raised.add(scope)
        if how:
            op.begin()
        return True

    def due(self, op: Op[Any], scope: str) -> bool:
        """Whether the scope is to be told at this operation: it is past its record and was not told.

        A local child that has a record of its own is entered first: it is told before its parent. One that has
        begun was, and one that pauses before another try has nothing to enter.
        """
        if not self.asked or self._journal.replaying_in(scope):
            return False
        entered = op.begun or op.kind == "pause"
        if not entered and any(self._journal.replaying_below(key) for key in op.keys):
            return False
        return not self._told(scope)

    def _told(self, scope: str) -> bool:
        """Whether it was told, or began to undo for one that was: all that were inside that one had ended by then."""
        return self._journal.note(_NAME + scope) is not None or (scope != "" and self._told(scope_of(scope)))

    def entry(self, op: Op[Any], scope: str, now_ms: int, *, taken: bool) -> tuple[str, Entry]:
        """The note that the scope is told here: before the operation, while it waits, or by what it gave."""
        self._raised.add(scope)
        name = _NAME + scope
        how = [_TAKEN if taken else _BEGUN, _parts(op)] if op.begun else []
        told = Outcome(State.CANCELED, " ".join([op.key, *how]))
        return NOTE + name, Entry.at_once("cancelled", name, told, now_ms)


def _parts(op: Op[Any]) -> str:
    """What tells apart those that have the same key: a gather stands for its first one."""
    return ",".join(op.keys)
