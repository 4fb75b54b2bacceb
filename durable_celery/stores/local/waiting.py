"""What an execution waits for: which of it is there, and who counts the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from durable_celery.errors import PromiseNotFound
from durable_celery.promise import Outcome, Phase, State
from durable_celery.store import Await, Group
from durable_celery.stores.local.records import delivery
from durable_celery.stores.local.row import Registration, Row
from durable_celery.stores.local.rows import Rows


@dataclass(slots=True)
class Look:
    """What was found of the awaited groups; `left` is what each still needs."""

    there: dict[str, Outcome] = field(default_factory=dict)
    pending: dict[str, tuple[Await, Registration]] = field(default_factory=dict)
    left: dict[int, int] = field(default_factory=dict)
    complete: bool = False


def look(rows: Rows, row: Row, groups: Sequence[Group]) -> Look:
    """Look at all that is awaited, and put what is there into the journal."""
    found = Look()
    for number, group in enumerate(groups, start=1):
        need = group.need
        for awaited in group.awaits:
            outcome = _outcome_of(rows, awaited)
            if outcome is None:
                first = (awaited, Registration(row.promise.attempt))
                found.pending.setdefault(awaited.path, first)[1].groups.append((number, group.fail_fast))
                continue
            row.journal.setdefault(awaited.path + "!", delivery(outcome))
            found.there[awaited.path] = outcome
            need -= 1
            found.complete = found.complete or (group.fail_fast and not outcome.resolved)
        found.left[number] = need
        found.complete = found.complete or need <= 0
    return found


def leave(rows: Rows, row: Row, found: Look) -> None:
    """Register for everything pending and let go of the lease; an earlier suspension's timers are forgotten."""
    execution_id = row.promise.id
    rows.disarm(row)
    for awaited, how in found.pending.values():
        if awaited.due_at is None:
            rows.by_id[awaited.promise_id].awaiters[(execution_id, awaited.path)] = how
        else:
            row.timers[awaited.path] = how
            rows.timer.set((execution_id, awaited.path), awaited.due_at)
    row.left = found.left
    rows.lease.drop(execution_id)
    row.set(phase=Phase.SUSPENDED, holder=None, running="")


def _outcome_of(rows: Rows, awaited: Await) -> Outcome | None:
    if awaited.due_at is not None:
        return Outcome(State.RESOLVED, "") if awaited.due_at <= rows.now else None
    state = rows.live(awaited.promise_id)
    if state is None:
        raise PromiseNotFound(awaited.promise_id)
    return None if state is State.PENDING else Outcome(state, rows.by_id[awaited.promise_id].promise.value)
