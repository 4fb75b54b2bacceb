"""New promises, by themselves or as children with an entry in a journal: the counterpart of `spawn.lua`."""

from __future__ import annotations

from collections.abc import Sequence

from durable_celery.errors import Expired, IdConflict, TooManyExecutions
from durable_celery.newpromise import NewPromise
from durable_celery.store import Birth, Born, Created, Creation, Hold
from durable_celery.stores.local import cancelling
from durable_celery.stores.local.row import Row
from durable_celery.stores.local.rows import Rows


def create(rows: Rows, new: NewPromise, journal: Sequence[tuple[str, str]]) -> Row:
    """A new row. Raises Expired, and TooManyExecutions."""
    was = rows.tombstones.of(new.id)
    if was is not None:
        raise Expired(new.id, was)
    if new.max_pending is not None and rows.pending()[new.function] >= new.max_pending:
        raise TooManyExecutions(new.function, new.max_pending)
    return rows.birth(new, journal=journal)


def spawn(rows: Rows, hold: Hold, cursor: int, birth: Birth) -> Born:
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
    elif (was := rows.tombstones.of(child.id)) is not None:
        return Expired(child.id, was)
    else:
        kin = child.tree not in ("", child.id)
        born = rows.birth(child, row.promise.deadline_at if kin else None)
        born.born_by = mark
        cancelling.born_late(rows, row, born)
    rows.write(row, [(path, entry)])
    rows.lease.set(hold.id, rows.now + hold.lease_ms)
    return Created(how, rows.by_id[child.id].promise)
