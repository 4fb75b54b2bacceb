"""How a cancellation goes through a tree: the counterpart of `redis/lua/rules/cancelling.lua`."""

from __future__ import annotations

from durable_celery.promise import Phase, State
from durable_celery.store import Creation
from durable_celery.stores.local.row import Row
from durable_celery.stores.local.rows import Rows


def cancel(rows: Rows, row: Row, grace_ms: int) -> Creation:
    """Without a grace settle all, parents first; with one note it on all, then let the leaves take notice first."""
    asked_before = row.promise.cancel_at is not None
    members = [rows.by_id[member] for member in rows.family(row.promise.id)]
    for member in members:
        if rows.live(member.promise.id) is not State.PENDING:
            continue
        if grace_ms:
            doom(rows, member, rows.now + grace_ms)
        else:
            rows.settle(member, State.CANCELED, "")
    for member in reversed(members if grace_ms else []):
        notice(rows, member)
    return Creation.DEDUPLICATED if asked_before and grace_ms else Creation.FRESH


def born_late(rows: Rows, parent: Row, child: Row) -> None:
    """A child of one that is cancelled and does not know it yet is cancelled as well."""
    cancelled = parent.promise.cancel_at is not None and not parent.told
    if cancelled and child.promise.tree == parent.promise.tree and child.promise.state is State.PENDING:
        rows.settle(child, State.CANCELED, "")


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
