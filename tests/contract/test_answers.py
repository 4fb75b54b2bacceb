"""The twelve answers C1 to C12 on which servers of the durable promise protocol differ, its request table where a
guard has to come before another, and what sounds true of a promise store and is not: kept as tests, so that nobody
"mends" it. What this store has no request for (listeners, halting, schedules) is not asked here.
"""

from __future__ import annotations

import pytest

from durable_celery.errors import LeaseLost, NotExternal, PromiseNotFound
from durable_celery.promise import Outcome, Phase, State
from durable_celery.store import Beat, Claimed, Creation, Pulse, Refusal, Refused, Store
from tests.conftest import Advance
from tests.contract.stories import (
    DONE,
    LEASE,
    MAX,
    any_of,
    at,
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
    sweep,
)


class TestTwelveAnswers:
    def test_c1_a_deadline_is_applied_whoever_the_promise_belongs_to(self, store: Store, advance: Advance) -> None:
        """Armed for each that has one, and for no other."""
        root = begin(store, "root")
        store.create(external("asked", timeout_ms=1_000))
        store.create(external("for ever"))
        spawn(store, root.hold, 0, "1", ">", child("root.1", timeout_ms=1_000))
        spawn(store, root.hold, 1, "2", ">", child("root.2"))
        advance(1_000)
        sweep(store)

        found = {each: store.get(each).state for each in ("asked", "for ever", "root.1", "root.2", "root")}

        timedout, pending = State.TIMEDOUT, State.PENDING
        assert list(found.values()) == [timedout, pending, timedout, pending, pending]
        assert store.get("asked").settled_at == store.get("asked").deadline_at

    def test_c2_only_what_has_code_can_be_woken(self, store: Store) -> None:
        store.create(external("asked"))

        assert store.claim("asked", "node/1", LEASE) == Refused(Refusal.NOT_READY, store.get("asked"))
        assert settle(store, "asked") == []

    def test_c3_an_execution_is_settled_by_its_holder_and_nobody_else(self, store: Store) -> None:
        begin(store, "order-1")

        with pytest.raises(NotExternal):
            settle(store, "order-1")
        assert store.get("order-1").state is State.PENDING

    @pytest.mark.parametrize("verb", ["create", "claim", "resume", "cancel"])
    def test_c4_what_is_past_its_deadline_is_begun_by_nothing(self, store: Store, advance: Advance, verb: str) -> None:
        store.create(execution("order-1", timeout_ms=1_000))
        if verb == "resume":
            store.park(claim(store, "order-1").hold, "broken")
        advance(1_000)

        ready = {
            "create": lambda: store.create(execution("order-1")).promise.state is not State.TIMEDOUT,
            "claim": lambda: isinstance(store.claim("order-1", "node/1", LEASE), Claimed),
            "resume": lambda: [row.id for row in store.resume("order-1")],
            "cancel": lambda: store.cancel("order-1")[1].state is not State.TIMEDOUT,
        }[verb]()

        assert not ready
        assert store.get("order-1").state is State.TIMEDOUT

    def test_c5_neither_a_lapsed_lease_nor_a_hint_brings_it_back(self, store: Store, advance: Advance) -> None:
        begin(store, "held", lease_ms=1_000, timeout_ms=1_000)
        store.create(execution("ready", timeout_ms=1_000))
        advance(10_000)

        assert sweep(store) == []
        assert {store.get(each).state for each in ("held", "ready")} == {State.TIMEDOUT}

    def test_c6_one_past_its_own_deadline_is_not_woken(self, store: Store, advance: Advance) -> None:
        store.create(external("asked"))
        waiting = begin(store, "order-1", timeout_ms=1_000)
        suspend(store, waiting, every(on("1", "asked")))
        advance(1_000)

        assert settle(store, "asked") == []
        assert store.get("order-1").state is State.TIMEDOUT

    def test_c7_a_heartbeat_does_not_prolong_what_is_past_its_deadline(self, store: Store, advance: Advance) -> None:
        hold = begin(store, "order-1", timeout_ms=1_000).hold
        advance(1_000)

        assert store.beat([Beat(hold)]) == Pulse(lost=frozenset({"order-1"}))

    def test_c8_every_answer_shows_the_passed_deadline_and_none_shows_less_later(
        self, store: Store, advance: Advance
    ) -> None:
        store.create(external("asked", key="k", timeout_ms=1_000))
        advance(1_000)

        seen = [
            store.get("asked"),
            store.read("asked")[0],
            store.create(external("asked", key="k")).promise,
            store.settle("asked", State.RESOLVED, '"late"')[1],
            store.cancel("asked")[1],
            store.get("asked"),
        ]

        assert {(each.state, each.value, each.settled_at) for each in seen} == {
            (State.TIMEDOUT, "", seen[0].deadline_at)
        }

    def test_c9_a_hint_is_never_ahead_of_the_execution_it_is_about(self, store: Store) -> None:
        claimed = begin(store, "order-1")
        (row,) = store.release(claimed.hold)

        assert (row.id, row.attempts) == ("order-1", claimed.promise.attempt)
        assert claim(store, "order-1").promise.attempt == row.attempts + 1

    def test_c10_of_two_claims_one_holds(self, store: Store) -> None:
        first = begin(store, "order-1")

        assert isinstance(store.claim("order-1", "node/2", LEASE), Refused)
        store.checkpoint(first.hold, 0, [("1", "entry")])

    def test_c11_nobody_waits_for_what_is_settled(self, store: Store) -> None:
        store.create(external("asked"))
        settle(store, "asked")
        claimed = begin(store, "order-1")

        found = suspend(store, claimed, every(on("1", "asked")))

        assert not found.suspended
        assert found.delivered == {"1": DONE}
        assert store.get("order-1").phase is Phase.ACQUIRED

    def test_c12_the_store_has_no_way_in_beside_its_verbs(self, store: Store) -> None:
        """That of the web API is tested where it is: it is denied unless a hook allows it."""
        named = {name for name in dir(Store) if not name.startswith("_")}

        assert not {name for name in named if "debug" in name or "force" in name or "set_" in name}


class TestGuardsInOrder:
    def test_a_state_that_is_not_the_callers_is_refused_before_anybody_looks(self, store: Store) -> None:
        with pytest.raises(ValueError, match="resolved, rejected or canceled"):
            store.settle("unknown", State.TIMEDOUT, "")

    def test_absent_is_said_before_the_kind(self, store: Store) -> None:
        with pytest.raises(PromiseNotFound):
            settle(store, "unknown")
        with pytest.raises(PromiseNotFound):
            store.cancel("unknown")
        with pytest.raises(PromiseNotFound):
            store.resume("unknown")
        assert store.claim("unknown", "node/1", LEASE) == Refused(Refusal.ABSENT, None)

    def test_what_cannot_wake_is_refused_before_the_fence_is_asked(self, store: Store) -> None:
        claimed = begin(store, "order-1")
        store.release(claimed.hold)

        with pytest.raises(ValueError, match="nothing"):
            store.suspend(claimed.hold, 0, [])
        with pytest.raises(LeaseLost):
            store.suspend(claimed.hold, 0, [every(on("1", "unknown"))])

    def test_an_unknown_one_among_many_suspends_nobody(self, store: Store) -> None:
        store.create(external("asked"))
        claimed = begin(store, "order-1")

        with pytest.raises(PromiseNotFound):
            suspend(store, claimed, any_of(on("1", "asked"), on("2", "unknown")))

        assert store.get("order-1").phase is Phase.ACQUIRED
        assert settle(store, "asked") == []

    def test_settled_is_said_before_who_holds_it(self, store: Store) -> None:
        store.create(execution("order-1"))
        finish(store, "order-1")

        refused = store.claim("order-1", "node/1", LEASE)

        assert isinstance(refused, Refused)
        assert refused.why is Refusal.SETTLED


class TestPlausibleAndFalse:
    def test_it_is_false_that_a_successful_answer_means_the_state_that_was_asked_for(self, store: Store) -> None:
        store.create(external("asked"))
        store.settle("asked", State.RESOLVED, '"yes"', key="k")

        how, promise, _ = store.settle("asked", State.REJECTED, '"no"', key="k")

        assert (how, promise.state, promise.value) == (Creation.DEDUPLICATED, State.RESOLVED, '"yes"')

    def test_it_is_false_that_the_same_key_needs_the_same_value(self, store: Store) -> None:
        store.create(external("asked"))
        store.settle("asked", State.RESOLVED, '"one"', key="k")

        how, promise, _ = store.settle("asked", State.RESOLVED, '"two"', key="k", strict=True)

        assert (how, promise.value) == (Creation.DEDUPLICATED, '"one"')

    def test_it_is_false_that_two_calls_without_a_key_have_the_same_key(self, store: Store) -> None:
        store.create(external("asked"))

        assert store.create(external("asked")).how is Creation.EXISTS

    def test_it_is_false_that_a_passed_deadline_always_means_timed_out(self, store: Store, advance: Advance) -> None:
        store.create(external("timer", timer=True, timeout_ms=1_000))
        advance(1_000)

        assert store.get("timer").state is State.RESOLVED

    def test_it_is_false_that_a_settlement_happens_when_it_is_noticed(self, store: Store, advance: Advance) -> None:
        store.create(external("asked", timeout_ms=1_000))
        advance(3_600_000)

        promise = store.settle("asked", State.RESOLVED, '"late"')[1]

        assert promise.settled_at == promise.created_at + 1_000

    def test_it_is_false_that_a_lease_ends_for_its_holder_when_its_time_is_over(
        self, store: Store, advance: Advance
    ) -> None:
        """It ends when somebody takes it: until then what the holder did is not thrown away."""
        claimed = begin(store, "order-1")
        advance(LEASE * 10)

        store.checkpoint(claimed.hold, 0, [("1", "entry")])

        assert store.beat([Beat(claimed.hold)]) == Pulse()

    def test_it_is_false_that_a_sweep_leaves_every_due_one_ready(self, store: Store, advance: Advance) -> None:
        claimed = begin(store, "order-1", timeout_ms=LEASE)
        advance(LEASE)

        assert sweep(store) == []
        with pytest.raises(LeaseLost):
            store.fulfil(claimed.hold, 0, DONE)

    def test_it_is_false_that_every_settled_child_wakes_its_parent(self, store: Store) -> None:
        root = begin(store, "root")
        for number in (1, 2):
            spawn(store, root.hold, number - 1, str(number), ">", child(f"root.{number}"))
        store.suspend(root.hold, 2, [every(on("1!", "root.1"), on("2!", "root.2"))])

        assert finish(store, "root.1") == []
        assert finish(store, "root.2") == ["root"]

    def test_it_is_false_that_one_is_woken_once_for_each_that_it_waits_for(
        self, store: Store, advance: Advance
    ) -> None:
        store.create(external("one"))
        store.create(external("two"))
        claimed = begin(store, "order-1")
        suspend(store, claimed, any_of(on("1", "one"), on("2", "two"), at("3", claimed.now_ms + 1)))
        advance(1)

        woken = sweep(store) + settle(store, "one") + settle(store, "two")

        assert woken == ["order-1"]
        assert store.fulfil(claim(store, "order-1").hold, 0, Outcome(State.RESOLVED, "1")) == ()
        assert MAX > store.get("order-1").crashes == 0
