"""T5, T6: whatever waits is woken, once, by what it waits for."""

from __future__ import annotations

import pytest

from durable_celery.errors import PromiseNotFound
from durable_celery.promise import Outcome, Phase, State
from durable_celery.store import Group, Store
from tests.conftest import Advance
from tests.contract.stories import (
    DONE,
    FAILED,
    LEASE,
    MAX,
    at,
    begin,
    child,
    claim,
    every,
    external,
    finish,
    on,
    settle,
    spawn,
    suspend,
    sweep,
)

NOTHING = Outcome(State.RESOLVED, "")


@pytest.fixture(autouse=True)
def promises(store: Store) -> None:
    """Three external promises to wait for."""
    for name in ("a", "b", "c"):
        store.create(external(name))


class TestSuspend:
    def test_a_suspended_execution_is_held_by_nobody(self, store: Store, advance: Advance) -> None:
        claimed = begin(store, "order-1")

        left = suspend(store, claimed, every(on("1", "a")))
        advance(10 * LEASE)

        promise = store.get("order-1")
        assert (left.suspended, left.delivered) == (True, {})
        assert (promise.phase, promise.status, promise.holder) == (Phase.SUSPENDED, "suspended", None)
        assert sweep(store) == []
        assert store.get("order-1").crashes == 0

    def test_it_is_woken_and_given_the_outcome(self, store: Store) -> None:
        suspend(store, begin(store, "order-1"), every(on("1", "a")))

        woken = settle(store, "a", FAILED)

        again = claim(store, "order-1")
        assert woken == ["order-1"]
        assert again.journal == {"1!": "X\n" + FAILED.value}
        assert again.cursor == 0, "a delivery is not the holder's own entry"

    def test_a_child_wakes_its_parent(self, store: Store) -> None:
        parent = begin(store, "order-1")
        spawn(store, parent.hold, 0, "1", ">", child("order-1.1"))
        store.suspend(parent.hold, 1, [every(on("1", "order-1.1"))])

        assert finish(store, "order-1.1") == ["order-1"]
        assert claim(store, "order-1").journal == {"1": ">", "1!": "R\n" + DONE.value}

    def test_what_settled_before_is_given_at_once(self, store: Store) -> None:
        claimed = begin(store, "order-1")
        settle(store, "a")

        left = suspend(store, claimed, every(on("1", "a")))

        assert (left.suspended, left.delivered) == (False, {"1": DONE})
        assert store.get("order-1").holder == "node/1"
        assert store.read("order-1")[1] == {"1!": "R\n" + DONE.value}
        store.checkpoint(claimed.hold, 0, [("2", "still held")])

    def test_an_unknown_promise_cannot_be_waited_for(self, store: Store) -> None:
        claimed = begin(store, "order-1")

        with pytest.raises(PromiseNotFound, match="nobody"):
            suspend(store, claimed, every(on("1", "a"), on("2", "nobody")))

        assert store.get("order-1").holder == "node/1"
        assert settle(store, "a") == []

    @pytest.mark.parametrize("groups", [[], [Group((), 1)], [Group((on("1", "a"),), 2)]])
    def test_what_could_never_wake_it_is_refused(self, store: Store, groups: list[Group]) -> None:
        claimed = begin(store, "order-1")

        with pytest.raises(ValueError, match="cannot"):
            store.suspend(claimed.hold, 0, groups)

        assert store.get("order-1").holder == "node/1"

    def test_a_wake_up_that_nobody_published_is_published_by_the_sweep(self, store: Store, advance: Advance) -> None:
        suspend(store, begin(store, "order-1"), every(on("1", "a")))
        settle(store, "a")

        advance(2_100)

        assert sweep(store) == ["order-1"]

    def test_every_awaiter_of_a_promise_is_woken(self, store: Store) -> None:
        for name in ("order-1", "order-2"):
            suspend(store, begin(store, name), every(on("1", "a")))

        assert sorted(settle(store, "a")) == ["order-1", "order-2"]

    @pytest.mark.parametrize("text", ["", "[]", "{}", '"a\\nb|c"', "a\nb\n", "é日本"])
    def test_values_are_delivered_as_they_are(self, store: Store, text: str) -> None:
        store.create(external("d"))
        settle(store, "d", Outcome(State.RESOLVED, text))
        suspend(store, begin(store, "order-1"), every(on("1", "a"), on("2", "d")))

        settle(store, "a", Outcome(State.RESOLVED, text))

        assert claim(store, "order-1").journal == {"1!": "R\n" + text, "2!": "R\n" + text}

    def test_a_passed_deadline_of_the_awaited_wakes_too(self, store: Store, advance: Advance) -> None:
        store.create(external("late", timeout_ms=1_000))
        store.create(external("timer", timeout_ms=1_000, timer=True))
        suspend(store, begin(store, "order-1"), every(on("1", "late")))
        suspend(store, begin(store, "order-2"), every(on("1", "timer")))

        advance(1_000)

        assert sorted(sweep(store)) == ["order-1", "order-2"]
        assert claim(store, "order-1").journal == {"1!": "T\n"}
        assert claim(store, "order-2").journal == {"1!": "R\n"}

    def test_one_past_its_own_deadline_is_timed_out_and_not_woken(self, store: Store, advance: Advance) -> None:
        suspend(store, begin(store, "order-1", timeout_ms=5_000), every(on("1", "a")))

        advance(5_000)
        woken = settle(store, "a")

        promise = store.get("order-1")
        assert woken == []
        assert (promise.state, promise.settled_at) == (State.TIMEDOUT, promise.deadline_at)
        assert sweep(store) == []

    def test_a_cancelled_one_is_not_woken(self, store: Store) -> None:
        suspend(store, begin(store, "order-1"), every(on("1", "a")))
        store.cancel("order-1")

        assert settle(store, "a") == []
        assert store.get("order-1").state is State.CANCELED

    def test_a_call_whose_reply_was_lost_is_answered_again(self, store: Store) -> None:
        claimed = begin(store, "order-1")
        first = suspend(store, claimed, every(on("1", "a")))

        again = suspend(store, claimed, every(on("1", "a")))
        woken = settle(store, "a")
        once_more = suspend(store, claimed, every(on("1", "a")))

        assert first == again == once_more
        assert woken == ["order-1"]
        claim(store, "order-1")

    def test_a_look_takes_what_is_there_and_stays(self, store: Store) -> None:
        claimed = begin(store, "order-1")
        settle(store, "b", FAILED)
        groups = [every(on("1", "a"), on("2", "b"), at("3", claimed.now_ms - 1))]

        seen = store.suspend(claimed.hold, 0, groups, peek=True)

        assert (seen.suspended, seen.delivered) == (False, {"2": FAILED, "3": NOTHING})
        assert store.get("order-1").holder == "node/1"
        assert settle(store, "a") == [], "nothing was registered"


class TestTimers:
    def test_a_timer_wakes_when_it_is_due_and_not_before(self, store: Store, advance: Advance) -> None:
        claimed = begin(store, "order-1")
        suspend(store, claimed, every(at("1", claimed.now_ms + 60_000)))

        advance(59_000)
        early = sweep(store)
        advance(1_000)

        assert (early, sweep(store)) == ([], ["order-1"])
        assert claim(store, "order-1").journal == {"1!": "R\n"}

    def test_a_timer_that_is_due_already_does_not_suspend(self, store: Store) -> None:
        claimed = begin(store, "order-1")

        left = suspend(store, claimed, every(at("1", claimed.now_ms - 1)))

        assert (left.suspended, left.delivered) == (False, {"1": NOTHING})

    def test_the_sweep_knows_when_the_next_timer_is_due(self, store: Store) -> None:
        claimed = begin(store, "order-1")
        suspend(store, claimed, every(at("1", claimed.now_ms + 60_000)))

        assert store.sweep(MAX).next_due_ms == pytest.approx(60_000, abs=1_000)

    def test_a_promise_may_come_before_the_timer(self, store: Store, advance: Advance) -> None:
        claimed = begin(store, "order-1")
        suspend(store, claimed, Group((on("1", "a"), at("2", claimed.now_ms + 5_000)), 1))

        woken = settle(store, "a")
        again = claim(store, "order-1", lease_ms=60_000)
        advance(5_000)

        assert (woken, sweep(store)) == (["order-1"], [])
        assert "2!" not in again.journal

    def test_a_timer_may_come_before_the_promise(self, store: Store, advance: Advance) -> None:
        claimed = begin(store, "order-1")
        suspend(store, claimed, Group((on("1", "a"), at("2", claimed.now_ms + 5_000)), 1))
        advance(5_000)

        assert sweep(store) == ["order-1"]
        assert settle(store, "a") == []
        assert claim(store, "order-1").journal == {"1!": "R\n" + DONE.value, "2!": "R\n"}

    def test_a_timer_waited_for_no_longer_wakes_nobody(self, store: Store, advance: Advance) -> None:
        claimed = begin(store, "order-1")
        suspend(store, claimed, Group((on("1", "a"), at("2", claimed.now_ms + 5_000)), 1))
        settle(store, "a")
        suspend(store, claim(store, "order-1"), every(on("3", "b")))

        due = store.sweep(MAX).next_due_ms
        advance(5_000)

        assert due is None
        assert sweep(store) == []
        assert settle(store, "b") == ["order-1"]

    def test_a_timer_waited_for_again_still_counts(self, store: Store, advance: Advance) -> None:
        claimed = begin(store, "order-1")
        timer = at("2", claimed.now_ms + 5_000)
        suspend(store, claimed, Group((on("1", "a"), timer), 1))
        settle(store, "a")
        suspend(store, claim(store, "order-1"), every(on("3", "b"), timer))

        advance(5_000)
        at_timer = sweep(store)

        assert at_timer == []
        assert settle(store, "b") == ["order-1"]

    def test_timers_end_with_their_execution(self, store: Store) -> None:
        claimed = begin(store, "order-1")
        suspend(store, claimed, every(at("1", claimed.now_ms + 60_000)))

        store.cancel("order-1")

        assert store.sweep(MAX).next_due_ms is None
