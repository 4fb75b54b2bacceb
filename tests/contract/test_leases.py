"""T9, T11, T12: leases are renewed, end early when their holder is known to be dead, and are given back."""

from __future__ import annotations

import pytest

from durable_celery.promise import Phase, State
from durable_celery.store import Beat, Hold, Pulse, Store
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
    suspend,
    sweep,
)


class TestBeat:
    def test_a_beaten_lease_does_not_lapse(self, store: Store, advance: Advance) -> None:
        claimed = begin(store, "order-1")

        for _ in range(5):
            advance(LEASE - 1_000)
            assert store.beat([Beat(claimed.hold)]) == Pulse()
            assert sweep(store) == []

        assert store.get("order-1").holder == "node/1"

    def test_each_lease_keeps_its_own_length(self, store: Store, advance: Advance) -> None:
        short, long = begin(store, "short", lease_ms=5_000), begin(store, "long", lease_ms=60_000)

        store.beat([Beat(short.hold), Beat(long.hold)])
        advance(6_000)

        assert sweep(store) == ["short"]

    def test_it_answers_only_those_that_are_lost(self, store: Store) -> None:
        mine, settled, cancelled = (begin(store, name) for name in ("mine", "settled", "cancelled"))
        store.fulfil(settled.hold, 0, DONE)
        store.cancel("cancelled")
        unknown = Hold("nobody", "1:abc", LEASE)

        lost = store.beat([Beat(mine.hold), Beat(settled.hold), Beat(cancelled.hold), Beat(unknown)])

        assert lost.lost == {"settled", "cancelled", "nobody"}

    def test_what_runs_is_noted_until_the_lease_ends(self, store: Store) -> None:
        store.create(external("approval"))
        claimed = begin(store, "order-1")

        store.beat([Beat(claimed.hold, "2 1750 run charge")])
        store.beat([Beat(claimed.hold)])
        running = store.get("order-1").running
        suspend(store, claimed, every(on("3", "approval")))

        assert running == "2 1750 run charge"
        assert store.get("order-1").running == ""

    def test_a_lapsed_lease_that_nobody_took_is_revived(self, store: Store, advance: Advance) -> None:
        claimed = begin(store, "order-1")
        advance(LEASE + 1)

        assert store.beat([Beat(claimed.hold)]) == Pulse()
        assert sweep(store) == []

    def test_the_deadline_wins_over_a_heartbeat(self, store: Store, advance: Advance) -> None:
        claimed = begin(store, "order-1", timeout_ms=5_000)
        advance(5_000)

        assert store.beat([Beat(claimed.hold)]).lost == {"order-1"}

    def test_nobody_to_beat_for_is_nothing_to_do(self, store: Store) -> None:
        assert store.beat([]) == Pulse()


class TestCrashed:
    def test_a_dead_holders_execution_is_ready_at_once(self, store: Store) -> None:
        begin(store, "order-1", "node/1")

        ready = store.crashed("order-1", "node/1", MAX, "signal 9")

        promise = store.get("order-1")
        assert [row.id for row in ready] == ["order-1"]
        assert (promise.phase, promise.crashes, promise.reason) == (Phase.READY, 1, "signal 9")
        claim(store, "order-1", "node/2")

    def test_another_holder_is_left_alone(self, store: Store) -> None:
        begin(store, "order-1", "node/2")

        assert store.crashed("order-1", "node/1", MAX, "signal 9") == ()
        assert store.get("order-1").holder == "node/2"

    def test_the_deadline_wins_over_the_crash(self, store: Store, advance: Advance) -> None:
        begin(store, "order-1", timeout_ms=5_000)
        advance(5_000)

        assert store.crashed("order-1", "node/1", MAX, "signal 9") == ()
        assert (store.get("order-1").state, store.get("order-1").crashes) == (State.TIMEDOUT, 0)

    def test_one_that_died_before_its_claim_left_a_ready_one(self, store: Store) -> None:
        store.create(execution("order-1"))

        ready = store.crashed("order-1", "node/1", MAX, "signal 9")

        assert [row.id for row in ready] == ["order-1"]
        assert store.get("order-1").crashes == 0

    def test_a_delayed_one_is_not_hurried(self, store: Store, advance: Advance) -> None:
        store.create(execution("order-1", delay_ms=60_000))

        assert store.crashed("order-1", "node/1", MAX, "signal 9") == ()
        advance(60_000)
        assert sweep(store) == ["order-1"]

    @pytest.mark.parametrize("promise_id", ["settled", "suspended", "parked", "approval", "nobody"])
    def test_what_nobody_executes_cannot_crash(self, store: Store, promise_id: str) -> None:
        store.create(external("approval"))
        store.create(execution("settled"))
        finish(store, "settled")
        suspend(store, begin(store, "suspended"), every(on("1", "approval")))
        store.park(begin(store, "parked").hold, "broken")

        assert store.crashed(promise_id, "node/1", MAX, "signal 9") == ()

    def test_too_many_crashes_without_progress_park_it(self, store: Store) -> None:
        store.create(execution("order-1"))

        for _ in range(MAX):
            claim(store, "order-1")
            ready = store.crashed("order-1", "node/1", MAX, "signal 9")

        promise = store.get("order-1")
        assert ready == ()
        assert (promise.phase, promise.status, promise.state) == (Phase.PARKED, "parked", State.PENDING)
        assert promise.reason == "3 attempts in a row ended without progress; the last: signal 9"

    def test_a_reason_may_quote_what_has_no_utf8_form(self, store: Store) -> None:
        begin(store, "order-1")

        store.crashed("order-1", "node/1", MAX, "could not open \udcff")

        assert store.get("order-1").reason.startswith("could not open ")


class TestLapse:
    def test_every_lease_of_a_worker_ends(self, store: Store) -> None:
        for name, worker in (("a", "node1/1"), ("b", "node1/2"), ("c", "node2/1")):
            begin(store, name, worker)

        ready = store.lapse("node1", MAX, "gone")

        assert sorted(row.id for row in ready) == ["a", "b"]
        assert [store.get(name).crashes for name in "abc"] == [1, 1, 0]
        assert store.get("c").holder == "node2/1"

    def test_a_name_that_begins_alike_is_another_worker(self, store: Store) -> None:
        begin(store, "order-1", "node10/1")

        assert store.lapse("node1", MAX, "gone") == ()
        assert store.get("order-1").holder == "node10/1"

    def test_the_deadline_wins_over_the_loss(self, store: Store, advance: Advance) -> None:
        begin(store, "order-1", "node1/1", timeout_ms=5_000)
        advance(5_000)

        assert store.lapse("node1", MAX, "gone") == ()
        assert (store.get("order-1").state, store.get("order-1").crashes) == (State.TIMEDOUT, 0)


class TestRelease:
    def test_it_is_ready_at_once_and_not_a_crash(self, store: Store) -> None:
        claimed = begin(store, "order-1")
        store.checkpoint(claimed.hold, 0, [("1", "one")])

        ready = store.release(claimed.hold)

        promise = store.get("order-1")
        assert [row.id for row in ready] == ["order-1"]
        assert (promise.phase, promise.holder, promise.crashes) == (Phase.READY, None, 0)
        assert claim(store, "order-1", "node/2").journal == {"1": "one"}

    def test_an_unpublished_release_is_published_by_the_sweep(self, store: Store, advance: Advance) -> None:
        store.release(begin(store, "order-1").hold)

        advance(2_100)

        assert sweep(store) == ["order-1"]

    def test_earlier_crashes_are_neither_forgiven_nor_counted(self, store: Store) -> None:
        begin(store, "order-1")
        store.crashed("order-1", "node/1", MAX, "signal 9")

        store.release(claim(store, "order-1").hold)

        assert store.get("order-1").crashes == 1
