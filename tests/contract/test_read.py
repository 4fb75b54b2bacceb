"""What observers see: the same everywhere, never older than what they saw before."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from durable_celery.errors import PromiseNotFound
from durable_celery.promise import Phase, State
from durable_celery.store import Beat, Store
from durable_celery.stores.local import LocalStore
from tests.conftest import Advance
from tests.contract.stories import begin, claim, every, execution, external, finish, on, settle, suspend


class TestRead:
    def test_the_record_and_the_journal_in_one_look(self, store: Store) -> None:
        claimed = begin(store, "order-1")
        store.checkpoint(claimed.hold, 0, [("1", "one")])

        promise, journal = store.read("order-1")

        assert (promise.id, promise.status, journal) == ("order-1", "running", {"1": "one"})
        assert store.get("order-1") == promise

    def test_an_unknown_promise_is_not_found(self, store: Store) -> None:
        with pytest.raises(PromiseNotFound, match="nobody"):
            store.get("nobody")
        with pytest.raises(PromiseNotFound, match="nobody"):
            store.read("nobody")

    @pytest.mark.parametrize(("timer", "state"), [(False, State.TIMEDOUT), (True, State.RESOLVED)])
    def test_a_passed_deadline_shows_before_anybody_applied_it(
        self, store: Store, advance: Advance, timer: bool, state: State
    ) -> None:
        store.create(external("approval", timeout_ms=5_000, timer=timer))

        advance(4_000)
        before = store.get("approval")
        advance(1_000)
        after = store.get("approval")

        assert before.state is State.PENDING
        assert (after.state, after.settled_at, after.value) == (state, before.deadline_at, "")
        assert after.phase is Phase.NONE

    def test_a_held_one_past_its_deadline_reads_as_held_by_nobody(self, store: Store, advance: Advance) -> None:
        claimed = begin(store, "order-1", timeout_ms=5_000)
        store.beat([Beat(claimed.hold, "1 0 run step")])

        advance(5_000)
        read = store.get("order-1")
        store.sweep(3)

        assert (read.state, read.phase, read.holder, read.running) == (State.TIMEDOUT, Phase.DONE, None, "")
        assert store.get("order-1") == read

    def test_reading_changes_nothing(self, store: Store, advance: Advance) -> None:
        store.create(external("approval", timeout_ms=5_000))
        suspend(store, begin(store, "order-1"), every(on("1", "approval")))
        advance(5_000)

        store.get("approval")

        assert store.get("order-1").status == "suspended"
        assert [row.id for row in store.sweep(3).ready] == ["order-1"]


class TestWatch:
    def test_a_watcher_is_told_when_it_settles(self, store: Store) -> None:
        store.create(external("approval"))
        told = threading.Event()
        end = store.watch("approval", told.set)

        settle(store, "approval")

        assert told.wait(5)
        end()

    def test_a_watcher_is_told_when_it_is_parked(self, store: Store) -> None:
        claimed = begin(store, "order-1")
        told = threading.Event()
        end = store.watch("order-1", told.set)

        store.park(claimed.hold, "broken")

        assert told.wait(5)
        end()

    def test_who_watches_closely_is_told_of_every_change(self, store: Store) -> None:
        for each in (external("approval"), external("order-1.3"), execution("order-1")):
            store.create(each)
        told, seen = threading.Event(), threading.Event()
        end = store.watch("order-1", told.set, closely=True)
        end_other = store.watch("order-1", seen.set)
        store.get("order-1")
        assert told.wait(5), "that it begins"
        assert isinstance(store, LocalStore) or seen.wait(5)

        def tells(change: Callable[[], Any]) -> Any:
            told.clear()
            made = change()
            assert told.wait(5)
            return made

        seen.clear()
        claimed = tells(lambda: claim(store, "order-1"))
        tells(lambda: store.checkpoint(claimed.hold, 0, [("1", "one")]))
        tells(lambda: store.progress(claimed.hold, "half"))
        tells(lambda: store.beat([Beat(claimed.hold, "2 0 run step")]))
        tells(lambda: store.suspend(claimed.hold, 1, [every(on("2", "approval"), on("3", "order-1.3"))]))
        tells(lambda: settle(store, "approval"))
        assert not seen.is_set(), "it is not over"
        tells(lambda: store.cancel("order-1"))
        assert seen.wait(5)
        end()
        end_other()

    def test_all_who_watch_are_told(self, store: Store) -> None:
        store.create(execution("order-1"))
        told = [threading.Event() for _ in range(3)]
        ends = [store.watch("order-1", each.set) for each in told]

        finish(store, "order-1")

        assert all(each.wait(5) for each in told)
        for end in ends:
            end()

    def test_a_passed_deadline_is_told_by_the_verb_that_applies_it(self, store: Store, advance: Advance) -> None:
        store.create(external("approval", timeout_ms=1_000))
        told = threading.Event()
        end = store.watch("approval", told.set)
        advance(1_000)

        store.claim("approval", "node/1", 1_000)

        assert told.wait(5)
        end()

    def test_a_watch_ends_once_and_may_be_ended_twice(self, store: Store) -> None:
        store.create(external("approval"))
        store.create(external("other"))
        ended, other = [], threading.Event()
        end = store.watch("approval", lambda: ended.append(1))
        end()
        end()
        before = len(ended)
        end_other = store.watch("other", other.set)

        settle(store, "approval")
        settle(store, "other")

        assert other.wait(5)
        assert len(ended) == before
        end_other()

    def test_it_is_only_a_hint_about_that_promise(self, store: Store) -> None:
        store.create(external("approval"))
        end = store.watch("approval", lambda: None)

        assert store.get("approval").state is State.PENDING
        end()

    def test_after_close_a_store_can_be_used_and_watched_again(self, store: Store) -> None:
        store.create(external("approval"))
        store.watch("approval", lambda: None)
        store.close()
        told = threading.Event()
        end = store.watch("approval", told.set)

        settle(store, "approval")

        assert told.wait(5)
        end()
