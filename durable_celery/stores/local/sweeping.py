"""What a sweep applies: deadlines, timers, lapsed leases, and hints that are due again."""

from __future__ import annotations

from durable_celery.promise import Outcome, Phase, State
from durable_celery.store import GRACE_MS, MAX_BACKOFF_MS
from durable_celery.stores.local.rows import Rows

_LAPSED = "its lease ran out (the worker was frozen, cut off, or lost with its host)"


def apply_due(rows: Rows, max_attempts: int, limit: int) -> None:
    """Up to `limit` of each kind."""
    for promise_id in rows.deadline.until(rows.now, limit):
        rows.live(promise_id)
    for promise_id, path in rows.timer.until(rows.now, limit):
        rows.timer.drop((promise_id, path))
        how = rows.by_id[promise_id].timers.pop(path, None)
        if how is not None:
            rows.deliver(promise_id, path, how, Outcome(State.RESOLVED, ""))
    for promise_id in rows.lease.until(rows.now, limit):
        if rows.live(promise_id) is State.PENDING:
            rows.lapse(rows.by_id[promise_id], max_attempts, _LAPSED)
    for promise_id in rows.ready.until(rows.now, limit):
        row = rows.by_id[promise_id]
        if row.promise.phase is Phase.READY and not rows.turn(row):
            continue
        row.published += 1
        rows.ready.set(promise_id, rows.now + min(GRACE_MS * 2**row.published, MAX_BACKOFF_MS))
        rows.woken.append(promise_id)
