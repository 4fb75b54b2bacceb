"""T13: a promise is cancelled with everything below it, and nothing beside it."""

from __future__ import annotations

import pytest

from durable_celery.errors import LeaseLost, PromiseNotFound
from durable_celery.promise import Phase, State
from durable_celery.store import Beat, Creation, Hold, Store
from tests.conftest import Advance
from tests.contract.stories import (
    DONE,
    MAX,
    begin,
    child,
    claim,
    every,
    execution,
    external,
    finish,
    on,
    settle,
    spawn,
    suspend,
)


class TestCancel:
    def test_a_pending_promise_becomes_cancelled(self, store: Store) -> None:
        store.create(execution("order-1"))

        how, promise, ready = store.cancel("order-1")

        assert (how, ready) == (Creation.FRESH, ())
        assert (promise.state, promise.status, promise.value) == (State.CANCELED, "cancelled", "")
        assert store.get("order-1") == promise
        assert store.sweep(MAX).next_due_ms is None

    def test_an_external_one_too(self, store: Store) -> None:
        store.create(external("approval"))

        assert store.cancel("approval")[1].state is State.CANCELED
        assert store.get("approval").phase is Phase.NONE

    def test_a_holder_learns_it_at_its_next_call(self, store: Store) -> None:
        claimed = begin(store, "order-1")

        store.cancel("order-1")

        assert store.beat([Beat(claimed.hold)]).lost == {"order-1"}
        with pytest.raises(LeaseLost):
            store.checkpoint(claimed.hold, 0, [("1", "one")])

    def test_whoever_waits_is_told(self, store: Store) -> None:
        store.create(external("approval"))
        suspend(store, begin(store, "order-1"), every(on("1", "approval")))

        ready = store.cancel("approval")[2]

        assert [row.id for row in ready] == ["order-1"]
        assert claim(store, "order-1").journal == {"1!": "C\n"}

    def test_everything_below_is_cancelled(self, store: Store) -> None:
        _tree(store)

        store.cancel("root")

        assert _states(store, "root", "root.1", "root.1.1", "root.2", "root.2.1") == ["rejected_canceled"] * 5
        assert store.sweep(MAX).next_due_ms is None

    def test_nothing_above_or_beside_is(self, store: Store) -> None:
        _tree(store)
        begin(store, "root-2")

        store.cancel("root.1")

        assert _states(store, "root.1", "root.1.1") == ["rejected_canceled"] * 2
        assert _states(store, "root", "root.2", "root.2.1", "root-2") == ["pending"] * 4

    def test_what_is_settled_stays_and_what_runs_below_it_is_reached(self, store: Store) -> None:
        holds = _tree(store)
        store.fulfil(holds["root.1"], 1, DONE)

        store.cancel("root")

        assert _states(store, "root.1", "root.1.1") == ["resolved", "rejected_canceled"]

    def test_those_below_are_known_by_their_parent_not_by_their_name(self, store: Store) -> None:
        root = begin(store, "root")
        spawn(store, root.hold, 0, "1", ">", child("root.1"))
        inner = claim(store, "root.1")
        folded = child("root.998877665544332211", parent="root.1")
        spawn(store, inner.hold, 0, "1", ">", folded)
        spawn(store, root.hold, 1, "2", ">", child("root.2"))

        store.cancel("root.1")

        assert _states(store, "root.1", folded.id, "root.2") == ["rejected_canceled", "rejected_canceled", "pending"]

    def test_a_life_of_its_own_is_left_alone(self, store: Store) -> None:
        root = begin(store, "root")
        spawn(store, root.hold, 0, "1", ">", execution("root.1", parent="root", tree="root.1"))
        spawn(store, root.hold, 1, "2", ">", external("approval", parent="root"))

        store.cancel("root")

        assert _states(store, "root.1", "approval") == ["pending", "pending"]

    def test_a_second_time_changes_nothing(self, store: Store) -> None:
        store.create(execution("order-1"))
        first = store.cancel("order-1")[1]

        assert store.cancel("order-1") == (Creation.EXISTS, first, ())

    def test_a_finished_one_cannot_be_cancelled(self, store: Store) -> None:
        store.create(execution("order-1"))
        finish(store, "order-1")

        how, promise, _ = store.cancel("order-1")

        assert (how, promise.state) == (Creation.EXISTS, State.RESOLVED)

    def test_a_passed_deadline_comes_first(self, store: Store, advance: Advance) -> None:
        store.create(execution("order-1", timeout_ms=1_000))
        advance(1_000)

        assert store.cancel("order-1")[1].state is State.TIMEDOUT

    def test_an_unknown_promise_cannot_be_cancelled(self, store: Store) -> None:
        with pytest.raises(PromiseNotFound, match="nobody"):
            store.cancel("nobody")

    def test_a_parent_that_waits_is_not_woken_by_its_own_cancellation(self, store: Store) -> None:
        root = begin(store, "root")
        spawn(store, root.hold, 0, "1", ">", child("root.1"))
        store.suspend(root.hold, 1, [every(on("1", "root.1"))])

        assert store.cancel("root")[2] == ()

    def test_a_parent_that_waits_is_woken_by_the_cancellation_of_its_child(self, store: Store) -> None:
        root = begin(store, "root")
        spawn(store, root.hold, 0, "1", ">", child("root.1"))
        store.suspend(root.hold, 1, [every(on("1", "root.1"))])

        assert [row.id for row in store.cancel("root.1")[2]] == ["root"]

    def test_those_outside_who_wait_for_something_below_are_told(self, store: Store) -> None:
        _tree(store)
        suspend(store, begin(store, "other"), every(on("1", "root.1.1")))

        assert [row.id for row in store.cancel("root")[2]] == ["other"]
        assert settle(store, "gate") == []


def _tree(store: Store) -> dict[str, Hold]:
    """A root with two children, each held, each with a child of its own; an external promise beside them."""
    store.create(external("gate"))
    root = begin(store, "root")
    holds = {"root": root.hold}
    for number in ("1", "2"):
        spawn(store, root.hold, int(number) - 1, number, ">", child(f"root.{number}"))
        inner = claim(store, f"root.{number}", f"node/{number}")
        spawn(store, inner.hold, 0, "1", ">", child(f"root.{number}.1"))
        holds[f"root.{number}"] = inner.hold
    return holds


def _states(store: Store, *promise_ids: str) -> list[str]:
    return [str(store.get(promise_id).state) for promise_id in promise_ids]
