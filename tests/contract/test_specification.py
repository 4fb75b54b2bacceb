"""The 324 rows of the Durable Promise specification's table, on every store."""

from __future__ import annotations

import csv
from pathlib import Path

from durable_celery.errors import PromiseNotFound
from durable_celery.promise import Promise, State
from durable_celery.store import Creation, Store
from tests.conftest import Advance
from tests.contract.stories import external

ROWS = list(csv.DictReader(Path(__file__).with_name("durable_promise_spec_324.csv").read_text().splitlines()))
STATES = {
    "Pending": State.PENDING,
    "Resolved": State.RESOLVED,
    "Rejected": State.REJECTED,
    "Canceled": State.CANCELED,
    "Timedout": State.TIMEDOUT,
}
ACTIONS = {"Resolve": State.RESOLVED, "Reject": State.REJECTED, "Cancel": State.CANCELED}
ANSWERS = {"OK": Creation.FRESH, "OK, Deduplicated": Creation.DEDUPLICATED}
Row = dict[str, str]


class TestSpecification:
    def test_every_row_of_the_table_holds(self, store: Store, advance: Advance) -> None:
        assert len(ROWS) == 324
        for row in ROWS:
            _prepare(store, row)
        advance(60_000)

        wrong = [row for row in ROWS if _answered(store, row) != _expected(row)]

        assert wrong == []


def _id(row: Row) -> str:
    return f"row-{row['row']}"


def _prepare(store: Store, row: Row) -> None:
    """Bring a promise of its own into the row's first state."""
    if row["state"] == "Init":
        return
    timeout_ms = 60_000 if row["state"] == "Timedout" else 600_000
    store.create(external(_id(row), key=row["ikc"], timeout_ms=timeout_ms))
    if row["state"] not in ("Pending", "Timedout"):
        store.settle(_id(row), STATES[row["state"]], '"first"', key=row["iku"])


def _answered(store: Store, row: Row) -> tuple[Creation | None, State | None, str, str]:
    """What the action was answered, and the state and keys that the promise has after it."""
    strict = row["strict"] == "True"
    promise: Promise | None
    try:
        if row["action"] == "Create":
            created = store.create(external(_id(row), key=row["key"], timeout_ms=600_000), strict=strict)
            how, promise = created.how, created.promise
        else:
            how, promise, _ = store.settle(_id(row), ACTIONS[row["action"]], '"later"', key=row["key"], strict=strict)
    except PromiseNotFound:
        return None, None, "", ""
    assert promise == store.get(_id(row))
    return how, promise.state, promise.key_for_create, promise.key_for_settle


def _expected(row: Row) -> tuple[Creation | None, State | None, str, str]:
    if row["next_state"] == "Init":
        return None, None, "", ""
    how = ANSWERS.get(row["output"], Creation.EXISTS)
    return how, STATES[row["next_state"]], row["next_ikc"], row["next_iku"]
