"""T20, T21: Celery tasks that executions wait for are looked at until they are settled, by one worker at a time."""

from __future__ import annotations

import pytest

from durable_celery.newpromise import NewPromise
from durable_celery.promise import Outcome, State
from durable_celery.store import GRACE_MS, Store
from tests.conftest import Advance
from tests.contract.stories import LEASE, begin, every, external, on, settle, spawn, suspend, sweep


def task_child(promise_id: str, **changes: object) -> NewPromise:
    """A Celery task below the execution that its id says."""
    parent, tree = promise_id.rpartition(".")[0], promise_id.partition(".")[0]
    return external(promise_id, **{"canvas": "{}", "digest": "d", "parent": parent, "tree": tree, **changes})


def tend(store: Store, limit: int = 100) -> list[str]:
    return [promise.id for promise in store.tend(limit).promises]


def sent(store: Store, lease_ms: int = LEASE, **changes: object) -> None:
    """An execution that waits for a task child whose message is out."""
    parent = begin(store, "order-1", lease_ms=lease_ms)
    spawn(store, parent.hold, 0, "1", ">", task_child("order-1.1", **changes))
    store.sent("order-1.1", 1)
    store.suspend(parent.hold, 1, [every(on("1", "order-1.1"))])


class TestTend:
    def test_one_that_was_sent_is_looked_at_less_and_less_often(self, store: Store, advance: Advance) -> None:
        sent(store)
        looks = []
        for second in range(1, 101):
            advance(1_000)
            looks += [second] * len(tend(store))

        assert looks == [2, 4, 8, 16, 32, 62, 92]

    def test_it_is_handed_out_with_all_that_is_needed(self, store: Store, advance: Advance) -> None:
        sent(store, canvas='{"task": "add"}', tags='{"a": "b"}')
        sent_at = store.get("order-1.1").sent_at
        advance(GRACE_MS)

        tended = store.tend()

        (promise,) = tended.promises
        assert promise == store.get("order-1.1")
        assert (promise.canvas, promise.sends, promise.sent_at) == ('{"task": "add"}', 1, tended.now_ms - GRACE_MS)
        assert sent_at == promise.sent_at

    def test_two_workers_do_not_look_at_the_same(self, store: Store, advance: Advance) -> None:
        sent(store)
        advance(GRACE_MS)

        assert (tend(store), tend(store)) == (["order-1.1"], [])

    def test_no_more_than_asked_for_and_the_longest_due_first(self, store: Store, advance: Advance) -> None:
        parent = begin(store, "order-1")
        for number in range(1, 4):
            spawn(store, parent.hold, number - 1, str(number), ">", task_child(f"order-1.{number}"))
            store.sent(f"order-1.{number}", 1)
            advance(1)
        advance(GRACE_MS)

        assert (tend(store, 2), tend(store, 2)) == (["order-1.1", "order-1.2"], ["order-1.3"])

    def test_one_that_was_never_sent_is_its_creators_while_that_holds_the_parent(
        self, store: Store, advance: Advance
    ) -> None:
        parent = begin(store, "order-1", lease_ms=600_000)
        spawn(store, parent.hold, 0, "1", ">", task_child("order-1.1"))
        advance(GRACE_MS)
        early = tend(store)
        suspend(store, type(parent)(parent.hold, parent.promise, {}, 1, 0), every(on("1", "order-1.1")))
        advance(GRACE_MS)

        assert (early, tend(store)) == ([], ["order-1.1"])

    def test_one_whose_creator_died_is_anybodys(self, store: Store, advance: Advance) -> None:
        parent = begin(store, "order-1")
        spawn(store, parent.hold, 0, "1", ">", task_child("order-1.1"))
        store.lapse("node", 3, "killed")
        advance(GRACE_MS)

        assert tend(store) == ["order-1.1"]

    def test_one_whose_creator_never_gets_round_to_it_is_anybodys_after_half_a_minute(
        self, store: Store, advance: Advance
    ) -> None:
        parent = begin(store, "order-1", lease_ms=600_000)
        spawn(store, parent.hold, 0, "1", ">", task_child("order-1.1"))
        seconds = 0
        while not tend(store):
            advance(1_000)
            seconds += 1

        assert seconds == 32

    def test_a_delayed_one_is_handed_out_at_its_instant(self, store: Store, advance: Advance) -> None:
        parent = begin(store, "order-1", lease_ms=600_000)
        created = spawn(store, parent.hold, 0, "1", ">", task_child("order-1.1", delay_ms=30_000))
        advance(29_999)
        early = tend(store)
        advance(1)

        assert created.promise.not_before_at == created.promise.created_at + 30_000
        assert (early, tend(store)) == ([], ["order-1.1"])

    @pytest.mark.parametrize("state", [State.RESOLVED, State.REJECTED])
    def test_a_settled_one_is_never_looked_at_again(self, store: Store, advance: Advance, state: State) -> None:
        sent(store)

        assert settle(store, "order-1.1", Outcome(state, "1")) == ["order-1"]
        advance(100_000)

        assert tend(store) == []

    def test_a_cancelled_one_is_handed_out_once_and_at_once(self, store: Store, advance: Advance) -> None:
        sent(store)
        store.cancel("order-1")

        (promise,) = store.tend().promises
        advance(100_000)

        assert (promise.id, promise.state) == ("order-1.1", State.CANCELED)
        assert tend(store) == []

    def test_one_whose_deadline_passed_is_handed_out_once(self, store: Store, advance: Advance) -> None:
        sent(store, timeout_ms=60_000)
        for _ in range(6):  # up to its deadline, it is looked at
            advance(9_999)
            tend(store)
        advance(6)

        sweep(store)
        (promise,) = store.tend().promises

        assert (promise.id, promise.state) == ("order-1.1", State.TIMEDOUT)
        assert tend(store) == []

    def test_no_other_promise_is_among_them(self, store: Store, advance: Advance) -> None:
        parent = begin(store, "order-1")
        spawn(store, parent.hold, 0, "1", ">", external("order-1.1", parent="order-1", tree="order-1"))
        store.create(external("approval", timeout_ms=1_000))
        advance(100_000)

        assert tend(store) == []


class TestSent:
    def test_sending_it_again_begins_anew(self, store: Store, advance: Advance) -> None:
        sent(store)
        advance(GRACE_MS)
        tend(store)
        advance(GRACE_MS)
        tend(store)

        store.sent("order-1.1", 2)
        promise = store.get("order-1.1")
        advance(GRACE_MS - 1)
        early = tend(store)
        advance(1)

        assert (promise.sends, promise.sent_at) == (2, promise.created_at + 2 * GRACE_MS)
        assert (early, tend(store)) == ([], ["order-1.1"])

    def test_what_is_settled_or_gone_stays_as_it_is(self, store: Store) -> None:
        sent(store)
        settle(store, "order-1.1")
        before = store.read("order-1.1")

        store.sent("order-1.1", 2)
        store.sent("nobody", 1)

        assert store.read("order-1.1") == before
        assert tend(store) == []
