"""Lists of executions: the roots, newest first, a page at a time."""

from __future__ import annotations

import pytest

from durable_celery.promise import State
from durable_celery.store import Store
from durable_celery.stores import LocalStore, RedisStore
from tests.conftest import Advance
from tests.contract.stories import MAX, begin, child, claim, execution, external, finish, spawn


def names(store: Store, **said: object) -> list[str]:
    return [promise.id for promise in store.search(**said).promises]  # type: ignore[arg-type]


class TestSearch:
    def test_roots_are_listed_newest_first_and_neither_children_nor_externals(
        self, store: Store, advance: Advance
    ) -> None:
        root = begin(store, "a")
        spawn(store, root.hold, 0, "1", ">", child("a.1"))
        advance(1)
        store.create(external("approval"))
        store.create(execution("b"))

        assert names(store) == ["b", "a"]

    def test_records_come_without_what_may_be_large(self, store: Store) -> None:
        store.create(execution("a", args='[["tea"],{}]', tags='{"shop":"1"}'))
        finish(store, "a")

        [found] = store.search().promises

        assert (found.args, found.value, found.canvas) == ("", "", "")
        assert (found.id, found.function, found.status, found.tags) == ("a", "order", "succeeded", '{"shop":"1"}')
        assert found.settled_at == store.get("a").settled_at

    def test_by_function_by_state_and_by_the_beginning_of_the_id(self, store: Store) -> None:
        for id, function in (("a-1", "order"), ("a-2", "invoice"), ("b-1", "order"), ("b-2", "other")):
            store.create(execution(id, function=function))
        finish(store, "a-1")

        assert names(store, functions=["order", "invoice"]) == ["b-1", "a-2", "a-1"]
        assert names(store, functions=["nothing"]) == []
        assert names(store, state=State.PENDING) == ["b-2", "b-1", "a-2"]
        assert names(store, state=State.RESOLVED) == ["a-1"]
        assert names(store, prefix="a-") == ["a-2", "a-1"]
        assert names(store, functions=["order"], state=State.PENDING, prefix="b") == ["b-1"]

    def test_a_passed_deadline_shows_before_anybody_applied_it(self, store: Store, advance: Advance) -> None:
        store.create(execution("a", timeout_ms=1_000))
        advance(1_000)

        assert names(store, state=State.PENDING) == []
        assert names(store, state=State.TIMEDOUT) == ["a"]
        assert store.search().promises[0].status == "timed_out"

    def test_pages_follow_each_other_also_within_one_instant(self, store: Store, advance: Advance) -> None:
        for number in range(7):
            store.create(execution(f"a{number}"))
            if number == 3:
                advance(1)
        pages, after = [], ""
        while True:
            page = store.search(after=after, limit=2)
            pages.append([promise.id for promise in page.promises])
            after = page.after
            if not after:
                break

        assert pages == [["a6", "a5"], ["a4", "a3"], ["a2", "a1"], ["a0"]]

    def test_a_full_page_is_the_last_when_nothing_that_fits_follows(self, store: Store) -> None:
        for id in ("a", "b-1", "b-2"):
            store.create(execution(id))

        assert store.search(prefix="b", limit=2).after == ""
        assert store.search(prefix="b", limit=1).after != ""
        assert store.search(limit=2).after != ""
        assert store.search(limit=3).after == ""

    def test_a_page_is_not_disturbed_by_what_was_created_since(self, store: Store, advance: Advance) -> None:
        for number in range(3):
            store.create(execution(f"a{number}"))
        first = store.search(limit=2)
        advance(1)
        store.create(execution("late"))

        assert names(store, after=first.after) == ["a0"]

    @pytest.mark.parametrize("after", ["x", "1", ":", "1:", "x:a", "-1:a", "9" * 30 + ":a"])
    def test_only_where_a_page_ended_can_be_gone_on_from(self, store: Store, after: str) -> None:
        with pytest.raises(ValueError, match="page"):
            store.search(after=after)

    def test_hundreds_are_gone_through(self, store: Store) -> None:
        for number in range(250):
            store.create(execution(f"a{number:03}", function="order" if number == 0 else "other"))

        assert names(store, functions=["order"]) == ["a000"]
        assert len(names(store, functions=["other"], limit=300)) == 249


class TestIndex:
    def test_what_has_ended_by_itself_is_listed_no_more_and_taken_out(self, store: Store) -> None:
        if isinstance(store, LocalStore):
            pytest.skip("there is no index in memory")
        assert isinstance(store, RedisStore)
        client = store.connection.client
        for id in ("a", "b"):
            store.create(execution(id))
        finish(store, "a")
        client.delete(store.prefix + "r:a")

        assert names(store) == ["b"]
        assert client.zrange(store.prefix + "x", 0, -1) == ["b"]

    def test_a_sweep_takes_out_what_nobody_asks_for(self, store: Store) -> None:
        if isinstance(store, LocalStore):
            pytest.skip("there is no index in memory")
        assert isinstance(store, RedisStore)
        client = store.connection.client
        for number in range(100):
            store.create(execution(f"a{number}"))
            finish(store, f"a{number}")
        client.delete(*(f"{store.prefix}r:a{number}" for number in range(100)))
        store.create(execution("b"))
        claim(store, "b")

        store.sweep(MAX)

        assert client.zcard(store.prefix + "x") < 30, "most are gone after one sweep"
        assert client.zscore(store.prefix + "x", "b") is not None
