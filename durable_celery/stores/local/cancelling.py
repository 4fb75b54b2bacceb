"""How a cancellation goes through a tree: the counterpart of `redis/lua/rules/cancelling.lua`."""

from __future__ import annotations

from durable_celery.promise import Phase, State
from durable_celery.stores.local.rows import Row, Rows


def cancel(rows: Rows, promise_id: str, grace_ms: int) -> None:
    """Without a grace settle all, parents first; with one note it on all, then let the leaves take notice first."""
    members = [rows.by_id[member] for member in rows.family(promise_id)]
    for member in members:
        if rows.live(member.promise.id) is not State.PENDING:
            continue
        if grace_ms:
            doom(rows, member, rows.now + grace_ms)
        else:
            rows.settle(member, State.CANCELED, "")
    for member in reversed(members if grace_ms else []):
        notice(rows, member)


def doom(rows: Rows, row: Row, at: int) -> None:
    """Note that it is cancelled, and that this is final at an instant, or at its own deadline if that is sooner."""
    if row.promise.cancel_at is not None:
        return
    row.set(cancel_at=at)
    if row.promise.deadline_at is None or row.promise.deadline_at > at:
        row.set(deadline_at=at)
        rows.deadline.set(row.promise.id, at)


def notice(rows: Rows, row: Row) -> None:
    """Settle it at once where no code could; or wake it when nothing below it is pending."""
    if row.promise.state is not State.PENDING:
        return
    if row.promise.phase in (Phase.NONE, Phase.PARKED) or row.promise.attempt == 0:
        rows.settle(row, State.CANCELED, "")
    else:
        rows.tell(row)
