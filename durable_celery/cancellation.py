"""Cancellation, as one attempt sees it: when each scope of a body is told, once, and at the same place in every replay.

A scope is the body, or a local child that takes a ctx. It is told at the next
operation that it makes or waits for after all it had recorded; where that was
is noted in the journal.
"""

from __future__ import annotations

from typing import Any

from durable_celery.journal import NOTE, Entry, Journal
from durable_celery.op import Op
from durable_celery.promise import Outcome, State

_NAME = "cancelled:"
_BEGUN = " begun"


class Cancellation:
    """`asked`: somebody cancels the execution. `heeded`: everything below it is settled, its scopes may be told."""

    def __init__(self, journal: Journal, *, asked: bool) -> None:
        self.asked = asked
        self.heeded = False
        self._journal = journal
        self._raised: set[str] = set()

    def recorded(self, op: Op[Any]) -> bool:
        """Whether an earlier attempt told the scope at this operation, begun again here if it was then. True once."""
        if not self.asked:  # it was, before a scope could be told
            return False
        note = self._journal.note(_NAME + op.scope)
        if note is None:
            return False
        self.heeded = True
        key, _, begun = note.payload.partition(" ")
        if key != op.key or op.scope in self._raised:
            return False
        self._raised.add(op.scope)
        if begun:
            op.begin()
        return True

    def due(self, op: Op[Any]) -> bool:
        """Whether the scope is to be told at this operation: it is past its record and was not told.

        A local child that has a record of its own is entered first: it is told before its parent.
        """
        if not self.asked or self._journal.replaying_in(op.scope) or self._journal.replaying_below(op.key):
            return False
        return self._journal.note(_NAME + op.scope) is None

    def entry(self, op: Op[Any], now_ms: int) -> tuple[str, Entry]:
        """The note that the scope is told here."""
        self._raised.add(op.scope)
        name = _NAME + op.scope
        told = Outcome(State.CANCELED, op.key + (_BEGUN if op.begun else ""))
        return NOTE + name, Entry.at_once("cancelled", name, told, now_ms)
