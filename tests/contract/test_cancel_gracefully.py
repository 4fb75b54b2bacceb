"""T13 with a grace: bodies that have begun are told, children before their parents; then it is final."""

from __future__ import annotations

import pytest

from durable_celery.errors import LeaseLost
from durable_celery.promise import Outcome, State
from durable_celery.store import Beat, Claimed, Creation, Store
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
    on,
    settle,
    spawn,
    suspend,
    sweep,
)

GRACE = 60_000
OVER = Outcome(State.CANCELED, "")


def asleep(store: Store, promise_id: str) -> Claimed:
    """Begun, and suspended until its gate is settled."""
    store.create(external(f"gate-{promise_id}"))
    claimed = begin(store, promise_id)
    suspend(store, claimed, every(on("1", f"gate-{promise_id}")))
    return claimed


class TestAsking:
    def test_a_suspended_one_is_woken_and_stays_pending(self, store: Store) -> None:
        asleep(store, "order-1")

        how, promise, ready = store.cancel("order-1", GRACE)

        assert (how, promise.state, [row.id for row in ready]) == (Creation.FRESH, State.PENDING, ["order-1"])
        assert promise.cancel_at == promise.deadline_at
        assert claim(store, "order-1").promise.cancel_at == promise.cancel_at

    def test_a_holder_is_told_by_its_checkpoint_and_its_heartbeat(self, store: Store) -> None:
        held = begin(store, "order-1").hold
        assert not store.checkpoint(held, 0, [("1", "one")])

        store.cancel("order-1", GRACE)

        assert store.beat([Beat(held)]).cancelled == {"order-1"}
        assert store.checkpoint(held, 1, [("2", "two")])
        assert store.read("order-1")[1] == {"1": "one", "2": "two"}

    def test_one_that_has_not_begun_is_settled_at_once(self, store: Store) -> None:
        store.create(execution("order-1"))

        assert store.cancel("order-1", GRACE)[1].state is State.CANCELED
        assert sweep(store) == []

    def test_so_are_an_external_one_and_a_parked_one(self, store: Store) -> None:
        store.create(external("approval"))
        store.park(begin(store, "order-1").hold, "broken")

        assert store.cancel("approval", GRACE)[1].state is State.CANCELED
        assert store.cancel("order-1", GRACE)[1].state is State.CANCELED

    def test_asking_again_gives_no_more_time(self, store: Store, advance: Advance) -> None:
        begin(store, "order-1")
        first = store.cancel("order-1", GRACE)[1]
        advance(1000)

        assert store.cancel("order-1", GRACE) == (Creation.DEDUPLICATED, first, ())

    def test_asking_again_without_a_grace_ends_it(self, store: Store) -> None:
        begin(store, "order-1")
        store.cancel("order-1", GRACE)

        assert store.cancel("order-1")[1].state is State.CANCELED


class TestHeeding:
    def test_nothing_below_it_and_it_is_told_now(self, store: Store) -> None:
        held = begin(store, "order-1").hold
        store.cancel("order-1", GRACE)

        assert store.heed(held, 0)

    def test_it_does_not_fall_asleep_before(self, store: Store) -> None:
        store.create(external("gate"))
        claimed = begin(store, "order-1")
        store.cancel("order-1", GRACE)

        left = suspend(store, claimed, every(on("1", "gate")))
        assert (left.suspended, left.cancelled) == (False, True)

        store.heed(claimed.hold, 0)
        assert suspend(store, claimed, every(on("1", "gate"))).suspended

    def test_it_waits_until_all_below_it_is_settled(self, store: Store) -> None:
        parent = begin(store, "root")
        spawn(store, parent.hold, 0, "1", ">", child("root.1"))
        spawn(store, parent.hold, 1, "2", ">", child("root.2"))
        first, second = claim(store, "root.1", "node/2"), claim(store, "root.2", "node/3")
        assert store.cancel("root", GRACE)[2] == ()

        assert not store.heed(parent.hold, 2)
        with pytest.raises(LeaseLost):
            store.checkpoint(parent.hold, 2, [("3", "late")])
        assert store.fulfil(first.hold, 0, OVER) == ()
        assert [row.id for row in store.fulfil(second.hold, 0, OVER)] == ["root"]
        assert store.heed(claim(store, "root").hold, 2)

    def test_a_suspended_parent_is_not_woken_by_its_first_child_but_by_its_last(self, store: Store) -> None:
        parent = begin(store, "root")
        spawn(store, parent.hold, 0, "1", ">", child("root.1"))
        spawn(store, parent.hold, 1, "2", ">", child("root.2"))
        claimed = claim(store, "root.2", "node/2")
        suspend(store, parent_at(parent, 2), every(on("1", "root.1"), on("2", "root.2"), fail_fast=True))

        assert store.cancel("root", GRACE)[2] == ()  # root.1 had not begun and is settled
        assert [row.id for row in store.fulfil(claimed.hold, 0, DONE)] == ["root"]

    def test_a_child_made_before_it_knows_is_cancelled_too(self, store: Store) -> None:
        parent = begin(store, "root")
        store.cancel("root", GRACE)

        assert spawn(store, parent.hold, 0, "1", ">", child("root.1")).promise.state is State.CANCELED
        assert store.heed(parent.hold, 1)
        assert spawn(store, parent.hold, 1, "2", ">", child("root.2")).promise.state is State.PENDING


class TestFinal:
    def test_what_is_not_settled_when_the_grace_ends_is_cancelled_then(self, store: Store, advance: Advance) -> None:
        held = begin(store, "order-1").hold
        store.cancel("order-1", GRACE)
        advance(GRACE - 1)
        assert store.get("order-1").state is State.PENDING

        advance(1)

        assert store.get("order-1").status == "cancelled"
        with pytest.raises(LeaseLost):
            store.fulfil(held, 0, DONE)
        assert store.sweep(MAX).next_due_ms is None
        assert store.get("order-1").state is State.CANCELED

    def test_a_deadline_that_is_sooner_wins(self, store: Store, advance: Advance) -> None:
        begin(store, "order-1", timeout_ms=1000)
        store.cancel("order-1", GRACE)
        advance(1000)

        assert store.get("order-1").state is State.TIMEDOUT

    def test_a_compensating_body_may_still_fall_asleep_and_be_woken(self, store: Store) -> None:
        store.create(external("gate"))
        claimed = begin(store, "order-1")
        store.cancel("order-1", GRACE)
        store.heed(claimed.hold, 0)
        suspend(store, claimed, every(on("1", "gate")))

        assert settle(store, "gate") == ["order-1"]


def parent_at(claimed: Claimed, cursor: int) -> Claimed:
    """The same claim, further on."""
    return Claimed(claimed.hold, claimed.promise, claimed.journal, cursor, claimed.now_ms)
