"""T10: what is due is applied by whoever looks, and nothing that is ready is forgotten."""

from __future__ import annotations

import pytest

from durable_celery.promise import Phase, State
from durable_celery.store import Store, Sweep
from tests.conftest import Advance
from tests.contract.stories import (
    LEASE,
    MAX,
    at,
    begin,
    claim,
    every,
    execution,
    external,
    on,
    suspend,
    sweep,
)


class TestSweep:
    def test_an_idle_store_has_nothing_due(self, store: Store) -> None:
        assert store.sweep(MAX) == Sweep((), 0, None, ())

    def test_a_lapsed_lease_makes_it_ready_and_counts_as_a_crash(self, store: Store, advance: Advance) -> None:
        begin(store, "order-1")

        advance(LEASE - 1_000)
        early = sweep(store)
        advance(1_000)

        assert (early, sweep(store)) == ([], ["order-1"])
        promise = store.get("order-1")
        assert (promise.phase, promise.crashes, promise.holder) == (Phase.READY, 1, None)
        assert "its lease ran out" in promise.reason
        claim(store, "order-1", "node/2")

    def test_too_many_lapses_without_progress_park_it_once(self, store: Store, advance: Advance) -> None:
        store.create(execution("order-1"))
        reports = []

        for _ in range(MAX):
            claim(store, "order-1")
            advance(LEASE)
            reports.append(store.sweep(MAX))
        reports.append(store.sweep(MAX))

        assert [report.parked for report in reports] == [(), (), ("order-1",), ()]
        assert [len(report.ready) for report in reports] == [1, 1, 0, 0]
        assert store.get("order-1").status == "parked"
        assert store.get("order-1").reason.startswith("3 attempts in a row ended without progress; the last: its lease")

    def test_progress_between_lapses_is_enough_to_go_on(self, store: Store, advance: Advance) -> None:
        store.create(execution("order-1"))

        for cursor in range(2 * MAX):
            claimed = claim(store, "order-1")
            store.checkpoint(claimed.hold, cursor, [(str(cursor), "x")])
            advance(LEASE)
            assert sweep(store) == ["order-1"]

    def test_passed_deadlines_are_applied(self, store: Store, advance: Advance) -> None:
        store.create(external("a", timeout_ms=1_000))
        store.create(execution("b", timeout_ms=1_000))
        begin(store, "c", timeout_ms=1_000)
        suspend(store, begin(store, "d", timeout_ms=1_000), every(on("1", "a")))
        store.park(begin(store, "e", timeout_ms=1_000).hold, "broken")

        advance(1_000)
        found = store.sweep(MAX)

        assert found.ready == ()
        for name in "abcde":
            promise = store.get(name)
            assert (promise.state, promise.settled_at) == (State.TIMEDOUT, promise.deadline_at)
        assert store.sweep(MAX) == Sweep((), 0, None, ())

    def test_a_deadline_wins_over_a_lapsed_lease(self, store: Store, advance: Advance) -> None:
        begin(store, "order-1", timeout_ms=LEASE)

        advance(LEASE)
        sweep(store)

        assert (store.get("order-1").state, store.get("order-1").crashes) == (State.TIMEDOUT, 0)

    def test_it_does_so_even_for_more_than_one_sweep_takes(self, store: Store, advance: Advance) -> None:
        for number in range(5):
            begin(store, f"order-{number}", timeout_ms=LEASE)

        advance(LEASE)
        store.sweep(MAX, limit=2)

        assert [store.get(f"order-{number}").crashes for number in range(5)] == [0] * 5

    def test_a_hint_is_repeated_at_longer_and_longer_intervals(self, store: Store, advance: Advance) -> None:
        store.create(execution("order-1"))
        seconds = []

        for second in range(1, 100):
            advance(1_000)
            if sweep(store):
                seconds.append(second)

        assert seconds == pytest.approx([2, 6, 14, 30, 60, 90], abs=1)

    def test_a_fresh_reason_to_be_ready_starts_over(self, store: Store, advance: Advance) -> None:
        store.create(execution("order-1"))
        for _ in range(3):
            advance(20_000)
            sweep(store)
        store.release(claim(store, "order-1").hold)

        advance(2_100)

        assert sweep(store) == ["order-1"]

    def test_two_sweeps_at_once_publish_once(self, store: Store, advance: Advance) -> None:
        store.create(execution("order-1"))
        begin(store, "order-2")
        advance(LEASE)

        first, second = store.sweep(MAX), store.sweep(MAX)

        assert sorted(row.id for row in first.ready) == ["order-1", "order-2"]
        assert second.ready == ()

    def test_a_limit_leaves_the_rest_for_the_next_sweep(self, store: Store, advance: Advance) -> None:
        for number in range(5):
            store.create(execution(f"order-{number}"))
        advance(2_100)

        sweeps = [store.sweep(MAX, limit=2) for _ in range(3)]

        assert [len(found.ready) for found in sweeps] == [2, 2, 1]
        assert len({row.id for found in sweeps for row in found.ready}) == 5
        assert [found.backlog for found in sweeps] == [5, 5, 5]
        assert sweeps[0].next_due_ms == 0

    def test_it_says_when_to_look_again(self, store: Store) -> None:
        waits = []
        store.create(external("a", timeout_ms=90_000))
        waits.append(store.sweep(MAX).next_due_ms)
        begin(store, "order-1", lease_ms=60_000)
        waits.append(store.sweep(MAX).next_due_ms)
        claimed = begin(store, "order-2", lease_ms=70_000)
        suspend(store, claimed, every(at("1", claimed.now_ms + 30_000)))
        waits.append(store.sweep(MAX).next_due_ms)
        store.create(execution("order-3"))
        waits.append(store.sweep(MAX).next_due_ms)

        assert waits == pytest.approx([90_000, 60_000, 30_000, 2_000], abs=1_000)

    def test_a_claimed_one_leaves_the_backlog(self, store: Store) -> None:
        store.create(execution("order-1"))
        store.create(execution("order-2"))

        claim(store, "order-1")

        assert store.sweep(MAX).backlog == 1
