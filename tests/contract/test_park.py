"""T14, T19: executions set aside and brought back, and outcomes that are told to Celery."""

from __future__ import annotations

import pytest

from durable_celery.errors import PromiseNotFound
from durable_celery.promise import Phase, State
from durable_celery.store import Store
from tests.conftest import Advance
from tests.contract.stories import (
    DONE,
    LEASE,
    MAX,
    begin,
    claim,
    every,
    execution,
    external,
    finish,
    on,
    settle,
    suspend,
    sweep,
)


class TestPark:
    def test_a_parked_execution_waits_with_all_it_has(self, store: Store, advance: Advance) -> None:
        claimed = begin(store, "order-1")
        store.checkpoint(claimed.hold, 0, [("1", "one")])

        store.park(claimed.hold, "the code has changed")
        advance(10 * LEASE)

        promise, journal = store.read("order-1")
        assert (promise.state, promise.phase, promise.status) == (State.PENDING, Phase.PARKED, "parked")
        assert (promise.reason, promise.holder, promise.running) == ("the code has changed", None, "")
        assert journal == {"1": "one"}
        assert sweep(store) == []

    def test_its_deadline_still_counts(self, store: Store, advance: Advance) -> None:
        store.park(begin(store, "order-1", timeout_ms=5_000).hold, "broken")

        advance(5_000)

        assert store.get("order-1").state is State.TIMEDOUT

    def test_what_it_waited_for_earlier_is_still_delivered_and_does_not_wake_it(self, store: Store) -> None:
        store.create(external("a"))
        store.create(external("b"))
        suspend(store, begin(store, "order-1"), every(on("1", "a")), every(on("2", "b")))
        settle(store, "a")
        store.park(claim(store, "order-1").hold, "broken")

        woken = settle(store, "b")

        assert woken == []
        assert store.get("order-1").status == "parked"
        assert "2!" in store.read("order-1")[1]


class TestResume:
    def test_a_parked_execution_goes_on_where_it_was(self, store: Store) -> None:
        claimed = begin(store, "order-1")
        store.checkpoint(claimed.hold, 0, [("1", "one")])
        store.park(claimed.hold, "broken")

        ready = store.resume("order-1")

        promise = store.get("order-1")
        assert [row.id for row in ready] == ["order-1"]
        assert (promise.phase, promise.reason, promise.crashes) == (Phase.READY, "", 0)
        again = claim(store, "order-1")
        assert (again.journal, again.cursor, again.promise.attempt) == ({"1": "one"}, 1, 2)

    def test_its_crashes_are_forgiven(self, store: Store) -> None:
        store.create(execution("order-1"))
        for _ in range(MAX):
            claim(store, "order-1")
            store.crashed("order-1", "node/1", MAX, "signal 9")

        store.resume("order-1")
        claim(store, "order-1")
        store.crashed("order-1", "node/1", MAX, "signal 9")

        assert (store.get("order-1").phase, store.get("order-1").crashes) == (Phase.READY, 1)

    def test_an_unpublished_one_is_published_by_the_sweep(self, store: Store, advance: Advance) -> None:
        store.park(begin(store, "order-1").hold, "broken")
        store.resume("order-1")

        advance(2_100)

        assert sweep(store) == ["order-1"]

    @pytest.mark.parametrize("promise_id", ["ready", "held", "suspended", "settled", "approval"])
    def test_what_is_not_parked_is_left_as_it_is(self, store: Store, promise_id: str) -> None:
        store.create(external("approval"))
        store.create(execution("ready"))
        begin(store, "held")
        suspend(store, begin(store, "suspended"), every(on("1", "approval")))
        store.create(execution("settled"))
        finish(store, "settled")
        before = store.read(promise_id)

        assert store.resume(promise_id) == ()
        assert store.read(promise_id) == before

    def test_an_unknown_one_cannot_be_resumed(self, store: Store) -> None:
        with pytest.raises(PromiseNotFound, match="nobody"):
            store.resume("nobody")


class TestMirrored:
    def test_an_outcome_is_published_until_it_was_mirrored(self, store: Store, advance: Advance) -> None:
        store.create(execution("order-1", mirror=True))
        finish(store, "order-1")

        advance(2_100)
        first = sweep(store)
        advance(4_100)
        second = sweep(store)
        store.mirrored(["order-1"])
        advance(60_000)

        assert (first, second, sweep(store)) == (["order-1"], ["order-1"], [])
        assert store.get("order-1").mirrored

    def test_without_a_mirror_nothing_is_published(self, store: Store, advance: Advance) -> None:
        store.create(execution("order-1"))
        finish(store, "order-1")

        advance(60_000)

        assert sweep(store) == []

    def test_who_settles_from_outside_publishes_it_at_once(self, store: Store) -> None:
        begin(store, "order-1", mirror=True)

        assert [row.id for row in store.cancel("order-1")[2]] == ["order-1"]

    def test_a_deadline_publishes_it_too(self, store: Store, advance: Advance) -> None:
        begin(store, "order-1", mirror=True, timeout_ms=1_000)

        advance(1_000)

        assert sweep(store) == ["order-1"]

    def test_whoever_applies_the_deadline_publishes_it(self, store: Store, advance: Advance) -> None:
        begin(store, "crashed", mirror=True, timeout_ms=1_000)
        store.park(begin(store, "parked", mirror=True, timeout_ms=1_000).hold, "broken")
        advance(1_000)

        assert [row.id for row in store.crashed("crashed", "node/1", MAX, "signal 9")] == ["crashed"]
        assert [row.id for row in store.resume("parked")] == ["parked"]

    def test_hints_that_were_ignored_before_do_not_slow_the_mirror(self, store: Store, advance: Advance) -> None:
        store.create(execution("order-1", mirror=True, timeout_ms=61_000))
        for _ in range(60):
            advance(1_000)
            sweep(store)
        advance(1_000)
        at_deadline = sweep(store)

        advance(2_100)
        second = sweep(store)
        advance(4_100)

        assert (at_deadline, second, sweep(store)) == (["order-1"],) * 3

    def test_a_pending_or_unknown_one_is_left_alone(self, store: Store, advance: Advance) -> None:
        store.create(execution("order-1", mirror=True))

        store.mirrored(["order-1", "nobody"])
        advance(2_100)

        assert not store.get("order-1").mirrored
        assert sweep(store) == ["order-1"]

    def test_an_awaiter_is_woken_beside_it(self, store: Store) -> None:
        store.create(execution("order-1", mirror=True))
        suspend(store, begin(store, "waiting"), every(on("1", "order-1")))
        claimed = claim(store, "order-1")

        assert [row.id for row in store.fulfil(claimed.hold, 0, DONE)] == ["waiting"]
