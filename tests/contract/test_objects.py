"""T15, T16. Calls to a virtual object take turns; what one changes is written with its result."""

from __future__ import annotations

from typing import Any

import pytest

from durable_celery.errors import LeaseLost
from durable_celery.newpromise import NewPromise
from durable_celery.promise import Access, Phase, State
from durable_celery.store import Await, Claimed, Group, Refusal, Refused, Store
from durable_celery.stores import RedisStore
from tests.conftest import Advance
from tests.contract.stories import DONE, FAILED, LEASE, MAX, begin, claim, execution, spawn

BOB = "Counter/bob"


def call(promise_id: str, object: str = BOB, **changes: Any) -> NewPromise:
    """An exclusive call to a virtual object."""
    return execution(promise_id, **{"object": object, "access": Access.EXCLUSIVE, **changes})


def accept(store: Store, *ids: str) -> None:
    for promise_id in ids:
        assert store.create(call(promise_id)).fresh


def refused(store: Store, promise_id: str) -> Refused:
    answer = store.claim(promise_id, "node/1", LEASE)
    assert isinstance(answer, Refused)
    return answer


def phases(store: Store, *ids: str) -> list[Phase]:
    return [store.get(each).phase for each in ids]


class TestTurns:
    def test_the_first_is_ready_and_the_others_are_queued(self, store: Store) -> None:
        accept(store, "a", "b", "c")

        assert phases(store, "a", "b", "c") == [Phase.READY, Phase.QUEUED, Phase.QUEUED]
        assert store.get("b").status == "queued"
        assert refused(store, "b").why is Refusal.NOT_READY

    def test_settling_one_makes_the_next_ready_and_says_so(self, store: Store) -> None:
        accept(store, "a", "b", "c")

        assert [row.id for row in store.fulfil(claim(store, "a").hold, 0, DONE)] == ["b"]
        assert phases(store, "b", "c") == [Phase.READY, Phase.QUEUED]
        assert [row.id for row in store.fulfil(claim(store, "b").hold, 0, FAILED)] == ["c"]

    def test_other_keys_and_shared_calls_do_not_wait(self, store: Store) -> None:
        accept(store, "a")
        store.create(call("other", "Counter/ann"))
        store.create(call("look", access=Access.SHARED))

        assert phases(store, "a", "other", "look") == [Phase.READY] * 3

    def test_one_that_waits_for_something_keeps_its_turn(self, store: Store) -> None:
        accept(store, "a", "b")
        store.create(NewPromise(id="x"))
        held = claim(store, "a").hold
        assert store.suspend(held, 0, [Group((Await("1", promise_id="x"),), 1)]).suspended

        assert phases(store, "a", "b") == [Phase.SUSPENDED, Phase.QUEUED]

    def test_one_whose_worker_died_goes_on_before_the_next(self, store: Store) -> None:
        accept(store, "a", "b")
        claim(store, "a", "dead/1")

        assert [row.id for row in store.crashed("a", "dead/1", MAX, "killed")] == ["a"]
        assert phases(store, "a", "b") == [Phase.READY, Phase.QUEUED]

    def test_a_parked_one_keeps_its_place(self, store: Store) -> None:
        accept(store, "a", "b")
        store.park(claim(store, "a").hold, "broken")
        assert refused(store, "b").why is Refusal.NOT_READY

        assert [row.id for row in store.resume("a")] == ["a"]

    def test_one_that_is_cancelled_in_the_queue_is_passed_over(self, store: Store) -> None:
        accept(store, "a", "b", "c")
        assert store.cancel("b", 30_000)[1].state is State.CANCELED

        assert [row.id for row in store.fulfil(claim(store, "a").hold, 0, DONE)] == ["c"]

    def test_cancelling_the_one_at_work_gives_the_turn_on(self, store: Store) -> None:
        accept(store, "a", "b")
        claim(store, "a")

        assert [row.id for row in store.cancel("a")[2]] == ["b"]

    def test_a_deadline_that_passes_in_the_queue_takes_it_out(self, store: Store, advance: Advance) -> None:
        accept(store, "a")
        store.create(call("b", timeout_ms=500))
        accept(store, "c")
        advance(600)
        store.sweep(MAX)

        assert store.get("b").state is State.TIMEDOUT
        assert [row.id for row in store.fulfil(claim(store, "a").hold, 0, DONE)] == ["c"]

    def test_a_lost_reply_to_a_create_enters_it_once(self, store: Store) -> None:
        accept(store, "a", "b")
        store.create(call("b"))

        assert [row.id for row in store.fulfil(claim(store, "a").hold, 0, DONE)] == ["b"]
        assert store.fulfil(claim(store, "b").hold, 0, DONE) == ()


class TestDelays:
    def test_one_with_a_delay_is_accepted_when_the_delay_is_over(self, store: Store, advance: Advance) -> None:
        store.create(call("late", delay_ms=1_000))
        accept(store, "a", "b")
        assert refused(store, "late").why is Refusal.NOT_READY
        advance(1_100)

        assert "late" not in [row.id for row in store.sweep(MAX).ready]
        assert phases(store, "a", "b", "late") == [Phase.READY, Phase.QUEUED, Phase.QUEUED]
        store.fulfil(claim(store, "a").hold, 0, DONE)
        assert [row.id for row in store.fulfil(claim(store, "b").hold, 0, DONE)] == ["late"]

    def test_a_claim_before_the_sweep_queues_it_as_well(self, store: Store, advance: Advance) -> None:
        store.create(call("late", delay_ms=1_000))
        accept(store, "a")
        advance(1_100)

        found = refused(store, "late").promise
        assert found is not None
        assert found.phase is Phase.QUEUED

    def test_with_nobody_before_it_it_is_ready(self, store: Store, advance: Advance) -> None:
        store.create(call("late", delay_ms=1_000))
        advance(1_100)

        assert [row.id for row in store.sweep(MAX).ready] == ["late"]
        assert claim(store, "late").promise.object == BOB


class TestState:
    def test_changes_are_written_with_the_result_and_read_at_the_next_claim(self, store: Store) -> None:
        accept(store, "a", "b", "c")
        first = claim(store, "a")
        assert first.state == {}
        store.fulfil(first.hold, 0, DONE, changes=[("n", "1"), ("color", '"red"')])
        assert store.state(BOB) == {"n": "1", "color": '"red"'}

        second = claim(store, "b")
        assert second.state == {"n": "1", "color": '"red"'}
        store.fulfil(second.hold, 0, DONE, changes=[("n", "2"), ("color", None)])
        assert claim(store, "c").state == {"n": "2"}

    def test_nothing_of_one_that_lost_its_lease_is_written(self, store: Store) -> None:
        accept(store, "a")
        stale = claim(store, "a", "dead/1")
        store.crashed("a", "dead/1", MAX, "killed")
        again = claim(store, "a")

        with pytest.raises(LeaseLost):
            store.fulfil(stale.hold, 0, DONE, changes=[("n", "9")])
        with pytest.raises(LeaseLost):
            store.checkpoint(stale.hold, 0, [("1", "e")], [("n", "9")])
        assert store.state(BOB) == {}
        store.fulfil(again.hold, 0, DONE, changes=[("n", "1")])
        assert store.state(BOB) == {"n": "1"}

    def test_a_shared_call_is_given_none(self, store: Store) -> None:
        accept(store, "a")
        store.fulfil(claim(store, "a").hold, 0, DONE, changes=[("n", "1")])

        assert begin(store, "look", object=BOB).state == {}

    def test_a_result_written_twice_changes_it_once(self, store: Store) -> None:
        accept(store, "a", "b")
        held = claim(store, "a").hold
        store.fulfil(held, 0, DONE, changes=[("n", "1")])
        store.fulfil(claim(store, "b").hold, 0, DONE, changes=[("n", "2")])
        store.fulfil(held, 0, DONE, changes=[("n", "1")])

        assert store.state(BOB) == {"n": "2"}


class TestOwner:
    """The run of a workflow."""

    def test_what_it_changes_is_there_at_its_checkpoint(self, store: Store) -> None:
        run = begin(store, "w", object="Signup/bob", access=Access.OWNER)
        store.checkpoint(run.hold, 0, [("1", "e")], [("step", '"mail"')])

        assert store.state("Signup/bob") == {"step": '"mail"'}
        store.fulfil(run.hold, 1, DONE, changes=[("step", '"over"')])
        assert store.state("Signup/bob") == {"step": '"over"'}

    def test_its_state_lives_as_long_as_its_record(self, store: Store, advance: Advance) -> None:
        run = begin(store, "w", object="Signup/bob", access=Access.OWNER, retention_ms=4_000)
        store.fulfil(run.hold, 0, DONE, changes=[("step", '"over"')])
        if isinstance(store, RedisStore):  # a server's own clock tells lifetimes
            assert 3_000 < store.connection.client.pttl(f"{store.prefix}st:Signup/bob") <= 4_000  # type: ignore[operator]
            return
        advance(4_100)
        store.sweep(MAX)
        assert store.state("Signup/bob") == {}


def test_calls_of_executions_take_turns_with_all_others(store: Store) -> None:
    accept(store, "a")
    parent = begin(store, "p")
    spawn(store, parent.hold, 0, "1", "entry", call("p.1", parent="p", tree="p"))

    assert store.get("p.1").phase is Phase.QUEUED
    assert [row.id for row in store.fulfil(claim(store, "a").hold, 0, DONE)] == ["p.1"]
    assert isinstance(store.claim("p.1", "node/1", LEASE), Claimed)
