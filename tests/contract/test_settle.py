"""T7, T8: the one transition out of pending; a settled promise never changes."""

from __future__ import annotations

import pytest

from durable_celery.errors import LeaseLost, NotExternal, PromiseNotFound
from durable_celery.promise import Outcome, Phase, State
from durable_celery.store import Creation, Ready, Store
from tests.conftest import Advance
from tests.contract.stories import (
    DONE,
    FAILED,
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


class TestFulfil:
    @pytest.mark.parametrize("outcome", [DONE, FAILED, Outcome(State.CANCELED, "")])
    def test_it_settles_the_holders_own_promise(self, store: Store, outcome: Outcome) -> None:
        claimed = begin(store, "order-1", timeout_ms=60_000)

        store.fulfil(claimed.hold, 0, outcome)

        promise = store.get("order-1")
        assert (promise.state, promise.value, promise.phase) == (outcome.state, outcome.value, Phase.DONE)
        assert promise.settled_at == pytest.approx(claimed.now_ms, abs=2_000)
        assert (promise.holder, promise.running) == (None, "")
        assert promise.attempt == 1

    def test_the_last_entries_travel_with_it(self, store: Store) -> None:
        claimed = begin(store, "order-1")
        store.checkpoint(claimed.hold, 0, [("1", "one")])

        store.fulfil(claimed.hold, 1, DONE, [("1", "not again"), ("2", "two")])

        assert store.read("order-1")[1] == {"1": "one", "2": "two"}

    def test_nothing_of_it_is_due_any_more(self, store: Store, advance: Advance) -> None:
        claimed = begin(store, "order-1", timeout_ms=60_000)
        store.fulfil(claimed.hold, 0, DONE)

        idle = store.sweep(MAX)
        advance(120_000)

        assert (idle.next_due_ms, idle.backlog) == (None, 0)
        assert sweep(store) == []
        assert store.get("order-1").state is State.RESOLVED

    def test_it_answers_who_became_ready(self, store: Store) -> None:
        for name in ("waiting-1", "waiting-2"):
            store.create(execution("order-1"))
            suspend(store, begin(store, name, queue="slow", version=2), every(on("1", "order-1")))
        claimed = claim(store, "order-1")

        ready = store.fulfil(claimed.hold, 0, DONE)

        expected = {Ready(name, "order", 2, "slow", "", "", attempts=1) for name in ("waiting-1", "waiting-2")}
        assert set(ready) == expected

    def test_a_call_whose_reply_was_lost_is_answered_again(self, store: Store) -> None:
        claimed = begin(store, "order-1")
        store.fulfil(claimed.hold, 0, DONE, [("1", "one")])
        before = store.read("order-1")

        store.fulfil(claimed.hold, 0, DONE, [("1", "one")])

        assert store.read("order-1") == before

    def test_a_former_holder_is_refused_even_when_the_outcome_is_the_same(self, store: Store) -> None:
        former = begin(store, "order-1")
        store.crashed("order-1", "node/1", MAX, "killed")
        finish(store, "order-1", DONE)

        with pytest.raises(LeaseLost):
            store.fulfil(former.hold, 0, DONE)

    def test_another_outcome_afterwards_is_refused(self, store: Store) -> None:
        claimed = begin(store, "order-1")
        store.fulfil(claimed.hold, 0, DONE)

        with pytest.raises(LeaseLost):
            store.fulfil(claimed.hold, 0, FAILED)

        assert store.get("order-1").value == DONE.value

    def test_the_deadline_wins_at_its_instant(self, store: Store, advance: Advance) -> None:
        claimed = begin(store, "order-1", timeout_ms=5_000)
        advance(5_000)

        with pytest.raises(LeaseLost):
            store.fulfil(claimed.hold, 0, DONE)

        promise = store.get("order-1")
        assert (promise.state, promise.value) == (State.TIMEDOUT, "")
        assert promise.settled_at == promise.deadline_at

    def test_its_own_holder_mirrors_it_so_nobody_else_is_asked_to(self, store: Store, advance: Advance) -> None:
        claimed = begin(store, "order-1", mirror=True)

        assert store.fulfil(claimed.hold, 0, DONE) == ()
        advance(2_100)
        assert sweep(store) == ["order-1"], "unless the holder died before it could"


class TestSettle:
    @pytest.mark.parametrize("state", [State.RESOLVED, State.REJECTED, State.CANCELED])
    def test_it_settles_an_external_promise(self, store: Store, state: State) -> None:
        store.create(external("approval"))

        how, promise, ready = store.settle("approval", state, '"v"', key="k1")

        assert (how, ready) == (Creation.FRESH, ())
        assert (promise.state, promise.value, promise.key_for_settle) == (state, '"v"', "k1")
        assert promise.phase is Phase.NONE
        assert store.get("approval") == promise

    def test_a_settled_promise_never_changes(self, store: Store) -> None:
        store.create(external("approval"))
        store.settle("approval", State.RESOLVED, '"first"', key="k1")
        before = store.get("approval")

        for state in (State.RESOLVED, State.REJECTED, State.CANCELED):
            for key in ("", "k1", "k2"):
                for strict in (True, False):
                    how, promise, _ = store.settle("approval", state, '"later"', key=key, strict=strict)
                    assert how is not Creation.FRESH
                    assert promise == before

        assert store.cancel("approval")[1] == before

    def test_an_execution_is_not_settled_from_outside(self, store: Store) -> None:
        store.create(execution("order-1"))

        with pytest.raises(NotExternal, match="order-1"):
            store.settle("order-1", State.RESOLVED, "1")
        finish(store, "order-1")
        with pytest.raises(NotExternal):
            store.settle("order-1", State.RESOLVED, "1")

    def test_an_unknown_promise_cannot_be_settled(self, store: Store) -> None:
        with pytest.raises(PromiseNotFound, match="nobody"):
            store.settle("nobody", State.RESOLVED, "1")

    @pytest.mark.parametrize("state", [State.PENDING, State.TIMEDOUT])
    def test_some_states_are_not_the_callers_to_give(self, store: Store, state: State) -> None:
        store.create(external("approval"))

        with pytest.raises(ValueError, match="resolved, rejected or canceled"):
            store.settle("approval", state, "")

        assert store.get("approval").state is State.PENDING

    @pytest.mark.parametrize("timer", [True, False])
    def test_too_late_is_answered_with_what_the_deadline_made_of_it(
        self, store: Store, advance: Advance, timer: bool
    ) -> None:
        store.create(external("approval", timeout_ms=5_000, timer=timer))

        advance(5_000)
        how, promise, _ = store.settle("approval", State.RESOLVED, '"late"', strict=True)

        assert how is Creation.EXISTS
        assert promise.state is (State.RESOLVED if timer else State.TIMEDOUT)
        assert (promise.value, promise.settled_at) == ("", promise.deadline_at)

    def test_it_answers_who_became_ready(self, store: Store) -> None:
        store.create(external("approval"))
        suspend(store, begin(store, "order-1"), every(on("1", "approval")))

        assert settle(store, "approval") == ["order-1"]
        assert settle(store, "approval") == []
