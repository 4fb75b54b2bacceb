"""T4: a child and the entry that knows of it, or neither."""

from __future__ import annotations

import pytest

from durable_celery.errors import IdConflict
from durable_celery.promise import Phase, State
from durable_celery.store import Creation, Store
from tests.conftest import Advance
from tests.contract.stories import DONE, LEASE, begin, child, claim, execution, external, finish, settle, spawn, sweep


class TestSpawn:
    def test_the_child_and_its_entry_are_there_together(self, store: Store) -> None:
        parent = begin(store, "order-1")

        created = spawn(store, parent.hold, 0, "1", ">child", child("order-1.1", queue="slow", mirror=True))

        assert created.how is Creation.FRESH
        promise = store.get("order-1.1")
        assert created.promise == promise
        assert (promise.phase, promise.parent, promise.tree) == (Phase.READY, "order-1", "order-1")
        assert (promise.queue, promise.mirror) == ("slow", True)
        assert store.read("order-1")[1] == {"1": ">child"}
        store.checkpoint(parent.hold, 1, [("2", "the cursor has moved by one")])

    def test_a_child_that_nobody_published_is_published_by_the_sweep(self, store: Store, advance: Advance) -> None:
        parent = begin(store, "order-1", lease_ms=60_000)
        spawn(store, parent.hold, 0, "1", ">", child("order-1.1"))

        advance(2_100)

        assert sweep(store) == ["order-1.1"]
        claim(store, "order-1.1")

    @pytest.mark.parametrize(
        ("parents", "own", "expected"),
        [(60_000, None, 60_000), (60_000, 90_000, 60_000), (60_000, 5_000, 5_000), (None, 5_000, 5_000)],
    )
    def test_no_child_outlives_its_parent(
        self, store: Store, parents: int | None, own: int | None, expected: int
    ) -> None:
        parent = begin(store, "order-1", timeout_ms=parents)

        promise = spawn(store, parent.hold, 0, "1", ">", child("order-1.1", timeout_ms=own)).promise

        assert promise.deadline_at is not None
        assert promise.deadline_at == pytest.approx(parent.promise.created_at + expected, abs=1_000)
        if expected == parents:
            assert promise.deadline_at == parent.promise.deadline_at

    def test_without_a_deadline_anywhere_there_is_none(self, store: Store) -> None:
        parent = begin(store, "order-1")

        assert spawn(store, parent.hold, 0, "1", ">", child("order-1.1")).promise.deadline_at is None

    def test_the_same_call_under_an_id_that_exists_is_attached_to(self, store: Store) -> None:
        there = store.create(execution("shared", digest="d9")).promise
        parent = begin(store, "order-1")

        created = spawn(store, parent.hold, 0, "1", ">shared", execution("shared", digest="d9", parent="order-1"))

        assert (created.how, created.promise) == (Creation.EXISTS, there)
        assert store.read("order-1")[1] == {"1": ">shared"}

    def test_a_finished_one_is_attached_to_with_its_outcome(self, store: Store) -> None:
        store.create(execution("shared"))
        finish(store, "shared")
        parent = begin(store, "order-1")

        created = spawn(store, parent.hold, 0, "1", ">shared", execution("shared"))

        assert (created.promise.state, created.promise.value) == (State.RESOLVED, DONE.value)

    @pytest.mark.parametrize("other", [{"digest": "d2"}, {"function": "refund"}, {"function": "", "digest": ""}])
    def test_another_call_under_an_id_that_exists_is_a_conflict(self, store: Store, other: dict[str, str]) -> None:
        store.create(execution("taken", args='[["secret"],{}]', **other))
        parent = begin(store, "order-1")
        before = store.read("order-1"), store.read("taken")

        with pytest.raises(IdConflict) as conflict:
            spawn(store, parent.hold, 0, "1", ">taken", execution("taken"))

        assert (store.read("order-1"), store.read("taken")) == before
        assert "taken" in str(conflict.value)
        assert "secret" not in f"{conflict.value} {conflict.value.args} {vars(conflict.value)}"
        store.checkpoint(parent.hold, 0, [("1", "nothing was written before")])

    def test_a_conflict_says_what_has_the_id(self, store: Store) -> None:
        store.create(external("approval"))
        store.create(execution("taken", digest="d2"))
        parent = begin(store, "order-1")

        with pytest.raises(IdConflict, match="an external promise"):
            spawn(store, parent.hold, 0, "1", ">", execution("approval"))
        with pytest.raises(IdConflict, match="an execution of 'order' with other arguments"):
            spawn(store, parent.hold, 0, "1", ">", execution("taken"))

    def test_a_child_may_be_an_external_promise(self, store: Store) -> None:
        parent = begin(store, "order-1", timeout_ms=60_000)

        created = spawn(store, parent.hold, 0, "1", ">", external("order-1.1", parent="order-1", tree="order-1"))

        assert created.promise.phase is Phase.NONE
        assert created.promise.deadline_at == parent.promise.deadline_at
        assert settle(store, "order-1.1") == []

    def test_it_renews_the_lease(self, store: Store, advance: Advance) -> None:
        parent = begin(store, "order-1")
        advance(LEASE - 1_000)

        spawn(store, parent.hold, 0, "1", ">", child("order-1.1"))
        advance(LEASE - 1_000)

        assert "order-1" not in sweep(store)
        assert store.get("order-1").holder == "node/1"

    def test_a_delayed_child_starts_at_its_instant(self, store: Store, advance: Advance) -> None:
        parent = begin(store, "order-1", lease_ms=600_000)
        spawn(store, parent.hold, 0, "1", ">", child("order-1.1", delay_ms=30_000))

        advance(29_000)
        early = sweep(store)
        advance(1_000)

        assert (early, sweep(store)) == ([], ["order-1.1"])

    def test_a_call_whose_reply_was_lost_is_answered_again(self, store: Store) -> None:
        store.create(execution("shared"))
        parent = begin(store, "order-1")

        fresh = [spawn(store, parent.hold, 0, "1", ">a", child("order-1.1")) for _ in range(2)]
        attached = [spawn(store, parent.hold, 1, "2", ">b", execution("shared")) for _ in range(2)]

        assert fresh[0] == fresh[1]
        assert attached[0] == attached[1]
        assert [fresh[0].how, attached[0].how] == [Creation.FRESH, Creation.EXISTS]
        assert store.read("order-1")[1] == {"1": ">a", "2": ">b"}
