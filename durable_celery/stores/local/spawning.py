"""A child and its entry in the parent's journal, in one step: the counterpart of `spawn.lua`."""

from __future__ import annotations

from durable_celery.errors import IdConflict
from durable_celery.store import Birth, Created, Creation, Hold
from durable_celery.stores.local import cancelling
from durable_celery.stores.local.rows import Rows


def spawn(rows: Rows, hold: Hold, cursor: int, birth: Birth) -> Created | IdConflict:
    """Raises LeaseLost; a conflict is answered, and nothing written for it."""
    path, entry, child = birth
    row = rows.held(hold.id, hold.token)
    mark = f"{hold.token}/{cursor}"
    if row.cursor > cursor and row.journal.get(path) == entry:  # the reply was lost
        born = rows.by_id[child.id]
        return Created(Creation.FRESH if born.born_by == mark else Creation.EXISTS, born.promise)
    row = rows.held(hold.id, hold.token, cursor)
    how = Creation.FRESH
    if rows.live(child.id) is not None:
        how, taken = Creation.EXISTS, rows.by_id[child.id].promise
        if (taken.function, taken.digest) != (child.function, child.digest):
            return IdConflict.of(child.id, taken.function, child.function)
    else:
        kin = child.tree not in ("", child.id)
        born = rows.birth(child, row.promise.deadline_at if kin else None)
        born.born_by = mark
        cancelling.born_late(rows, row, born)
    rows.write(row, [(path, entry)])
    rows.lease.set(hold.id, rows.now + hold.lease_ms)
    return Created(how, rows.by_id[child.id].promise)
