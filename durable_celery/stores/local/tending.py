"""Task children in the local store: the counterpart of `tend.lua` and `sent.lua`."""

from __future__ import annotations

from durable_celery.promise import Phase, Promise, State
from durable_celery.store import GRACE_MS, MAX_BACKOFF_MS
from durable_celery.stores.local.row import Row
from durable_celery.stores.local.rows import Rows

#: Looks for which one that was never sent is left to its creator; about half a minute.
PATIENCE = 4


def look(rows: Rows, limit: int) -> list[Promise]:
    """What `tend` hands out."""
    found = []
    for promise_id in rows.tend.until(rows.now, limit):
        state, row = rows.live(promise_id), rows.by_id.get(promise_id)
        if row is None or state is not State.PENDING:
            rows.tend.drop(promise_id)
            if row is not None and state in (State.CANCELED, State.TIMEDOUT):
                found.append(row.promise)
            continue
        row.published += 1
        rows.tend.set(promise_id, rows.now + min(GRACE_MS * 2 ** (row.published - 1), MAX_BACKOFF_MS))
        if not _about_to_be_sent(rows, row):
            found.append(row.promise)
    return found


def sent(rows: Rows, promise_id: str, sends: int) -> None:
    """What `sent` notes."""
    if rows.live(promise_id) is not State.PENDING:
        return
    row = rows.by_id[promise_id]
    row.set(sent_at=rows.now, sends=sends)
    row.published = 0
    if promise_id in rows.tend:
        rows.tend.set(promise_id, rows.now + GRACE_MS)


def _about_to_be_sent(rows: Rows, row: Row) -> bool:
    child = row.promise
    if child.sent_at is not None or child.not_before_at is not None or row.published > PATIENCE or not row.born_by:
        return False
    parent = rows.by_id.get(child.parent)
    creator = row.born_by.rpartition("/")[0]
    return parent is not None and parent.promise.phase is Phase.ACQUIRED and parent.token == creator
