"""How much there is, counted as it changes; and executions that are refused because there are too many."""

from __future__ import annotations

import pytest

from durable_celery.errors import TooManyExecutions
from durable_celery.store import Creation, Store
from tests.conftest import Advance
from tests.contract.stories import (
    DONE,
    MAX,
    at,
    begin,
    child,
    claim,
    every,
    execution,
    external,
    finish,
    spawn,
    suspend,
)


class TestCensus:
    def test_an_empty_store_has_nothing(self, store: Store) -> None:
        assert tuple(store.census()) == ({}, 0, 0, 0, 0, 0, 0)

    def test_everything_is_counted_where_it_stands(self, store: Store) -> None:
        store.create(external("approval"))
        store.create(execution("a"))
        asleep, held = begin(store, "b"), begin(store, "c", function="invoice")
        suspend(store, asleep, every(at("1", asleep.now_ms + 60_000)))
        spawn(store, held.hold, 0, "1", ">", child("c.1"))
        store.park(begin(store, "d", function="invoice").hold, "broken")
        finish(store, spawn(store, held.hold, 1, "2", ">", child("c.2")).promise.id)

        found = store.census()

        assert found.pending == {"order": 3, "invoice": 2}
        assert (found.ready, found.leased, found.parked, found.timers, found.tended) == (2, 1, 1, 1, 0)
        assert found.roots == 4

    def test_what_is_settled_in_any_way_is_pending_no_more(self, store: Store, advance: Advance) -> None:
        store.create(execution("late", timeout_ms=5))
        for name in ("cancelled", "resumed"):
            store.park(begin(store, name).hold, "broken")
        crashed = begin(store, "crashed", lease_ms=1)
        advance(5)
        for _ in range(MAX):
            store.sweep(MAX)
            store.claim(crashed.promise.id, "node/1", 1)
            advance(5)
        store.sweep(MAX)
        parked = store.census()
        store.cancel("cancelled")
        store.resume("resumed")
        finish(store, "resumed")
        store.cancel("crashed")

        assert (parked.pending, parked.parked) == ({"order": 3}, 3)
        assert (store.census().pending, store.census().parked) == ({}, 0)


class TestTooMany:
    def test_one_too_many_is_refused_and_nothing_recorded(self, store: Store) -> None:
        for name in ("a", "b"):
            store.create(execution(name, max_pending=2))

        with pytest.raises(TooManyExecutions, match="2 executions of 'order' are pending already"):
            store.create(execution("c", max_pending=2))

        assert [p.id for p in store.search().promises] == ["b", "a"]
        assert store.create(execution("d", function="invoice", max_pending=2)).fresh
        assert store.create(execution("e")).fresh, "who has no limit is not refused"

    def test_attaching_is_never_refused(self, store: Store) -> None:
        store.create(execution("a", max_pending=1))
        finish(store, "a")
        store.create(execution("b", max_pending=1))

        for name in ("a", "b"):
            assert store.create(execution(name, max_pending=1)).how is Creation.EXISTS

    def test_one_that_is_over_makes_room(self, store: Store) -> None:
        claimed = begin(store, "a", max_pending=1)
        store.fulfil(claimed.hold, 0, DONE)

        assert store.create(execution("b", max_pending=1)).fresh
        assert claim(store, "b")
