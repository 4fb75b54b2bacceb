"""Named properties of the store, looked at after every call."""

from __future__ import annotations

import math
from typing import Any

from durable_celery.errors import LeaseLost
from durable_celery.promise import Access, Phase, Promise, State
from tests.simulation.benches import Row, Snapshot

#: Verbs that only the holder of a lease may call.
FENCED = frozenset(("checkpoint", "spawn", "suspend", "fulfil", "release", "park"))
_BIRTH = [
    "id",
    "function",
    "version",
    "args",
    "digest",
    "queue",
    "priority",
    "canvas",
    "parent",
    "tree",
    "tags",
    "mirror",
    "object",
    "access",
    "held",
    "key_for_create",
    "created_at",
    "not_before_at",
]


class Violation(BaseException):
    """A named property does not hold."""

    def __init__(self, law: str, *evidence: object) -> None:
        super().__init__(law, *evidence)
        self.law = law


def check(verb: str, args: tuple[Any, ...], answer: Any, before: Snapshot, after: Snapshot) -> None:
    """Raise Violation naming the first property that this transition breaks; `answer` may be what was raised."""
    if verb in FENCED:
        _fence(verb, args, answer, before, after)
    for promise_id, old in before.rows.items():
        new = after.rows.get(promise_id)
        if new is None:
            raise Violation("a promise never vanishes", promise_id, verb)
        if new is old:  # looked at already
            continue
        _entries(promise_id, old, new)
        _record(old.promise, new.promise)
        _epoch(verb, args, old, new)
    _indexes(after)
    _turns(after)


def _entries(promise_id: str, old: Row, new: Row) -> None:
    for path, text in old.journal.items():
        if new.journal.get(path) != text:
            raise Violation("a journal entry is written once", promise_id, path, text, new.journal.get(path))
    own = [path for path in new.journal if not path.endswith("!")]
    if new.cursor != len(own):
        raise Violation("the cursor counts the entries", promise_id, new.cursor, own)


def _record(old: Promise, new: Promise) -> None:
    for name in _BIRTH:
        if getattr(old, name) != getattr(new, name):
            raise Violation("birth fields never change", old.id, name, getattr(old, name), getattr(new, name))
    if old.deadline_at != new.deadline_at and not (old.cancel_at is None and new.deadline_at == new.cancel_at):
        raise Violation("only a cancellation moves a deadline, to where its grace ends", old.id)
    if (old.deadline_at or new.deadline_at) is not None and (new.deadline_at or 0) > (old.deadline_at or math.inf):
        raise Violation("a deadline comes no later", old.id)
    if old.cancel_at is not None and old.cancel_at != new.cancel_at:
        raise Violation("a cancellation is not taken back", old.id)
    if old.state.settled:
        for name in ("state", "value", "settled_at", "phase"):
            if getattr(old, name) != getattr(new, name):
                raise Violation("a settled record is frozen", old.id, name)
    if new.state.settled and new.phase not in (Phase.DONE, Phase.NONE):
        raise Violation("a settled execution is done", new.id, new.phase)


def _epoch(verb: str, args: tuple[Any, ...], old: Row, new: Row) -> None:
    moved = new.promise.attempt - old.promise.attempt
    claimed = verb == "claim" and args[0] == new.promise.id
    if moved and not (moved == 1 and claimed and old.promise.phase is Phase.READY):
        raise Violation("the epoch moves only by a claim of a ready one, and by one", new.promise.id, verb, moved)
    taken = new.promise.phase is Phase.ACQUIRED and old.promise.phase is not Phase.ACQUIRED
    if taken and not moved:
        raise Violation("only a claim acquires", new.promise.id, verb)


def _cancelling(promise: Promise) -> bool:
    return promise.cancel_at is not None and not promise.state.settled


def _indexes(after: Snapshot) -> None:
    phases = {promise_id: row.promise.phase for promise_id, row in after.rows.items()}
    for phase, index in ((Phase.READY, after.ready), (Phase.ACQUIRED, after.lease)):
        there = {promise_id for promise_id, each in phases.items() if each is phase}
        if there != index:
            raise Violation(f"the index of {phase.name} names those and no others", sorted(there), sorted(index))
    waited_for = {awaiter for row in after.rows.values() for awaiter in row.awaiters}
    # Whoever is cancelled waits for all that is below it.
    waited_for |= {row.promise.parent for row in after.rows.values() if _cancelling(row.promise)}
    for promise_id, row in after.rows.items():
        if row.promise.phase is Phase.SUSPENDED and promise_id not in waited_for and not row.timers:
            raise Violation("whoever is suspended will be woken by something", promise_id)


def _turns(after: Snapshot) -> None:
    """Of the exclusive calls of an object that have been put into its mailbox, one has its turn."""
    for object in {row.promise.object for row in after.rows.values() if row.promise.access is Access.EXCLUSIVE}:
        calls = [row.promise for row in after.rows.values() if row.promise.object == object]
        pending = [call for call in calls if call.access is Access.EXCLUSIVE and not call.state.settled]
        delayed = [call for call in pending if call.not_before_at is not None and call.attempt == 0]
        turns = [call.id for call in pending if call.phase is not Phase.QUEUED and call not in delayed]
        if len(turns) > 1 or (not turns and any(call.phase is Phase.QUEUED for call in pending)):
            raise Violation("one exclusive call of an object has its turn", object, turns)


def _fence(verb: str, args: tuple[Any, ...], answer: Any, before: Snapshot, after: Snapshot) -> None:
    hold = args[0]
    row = before.rows[hold.id]
    current = row.promise.phase is Phase.ACQUIRED and row.token == hold.token
    if not current and before != after:
        raise Violation("a stale token changes nothing", hold.id, verb)
    if not current and not isinstance(answer, LeaseLost):
        raise Violation("a stale token is refused", hold.id, verb, answer)
    if verb == "checkpoint" and not isinstance(answer, BaseException):
        for path, text in args[2]:
            if after.rows[hold.id].journal.get(path) != text:
                raise Violation("an acknowledged checkpoint is stored", hold.id, path)
    settled = after.rows[hold.id].promise.state is not State.PENDING
    if verb == "fulfil" and not isinstance(answer, BaseException) and not settled:
        raise Violation("an acknowledged settlement is stored", hold.id)
