"""T5: groups of awaits: how many are needed, who counts for which, and what is left of earlier suspensions."""

from __future__ import annotations

import pytest

from durable_celery.store import Await, Group, Store
from tests.conftest import Advance
from tests.contract.stories import DONE, FAILED, any_of, at, begin, claim, every, external, on, settle, suspend, sweep

NAMES = ("a", "b", "c", "d")


@pytest.fixture(autouse=True)
def promises(store: Store) -> None:
    """Four external promises to wait for."""
    for name in NAMES:
        store.create(external(name))


class TestGroups:
    def test_the_last_of_all_wakes_it_once(self, store: Store) -> None:
        suspend(store, begin(store, "order-1"), every(*_four()))

        woken = [settle(store, name) for name in NAMES]

        assert woken == [[], [], [], ["order-1"]]
        assert len(claim(store, "order-1").journal) == 4

    @pytest.mark.parametrize("need", [1, 2, 3, 4])
    def test_as_many_as_needed_wake_it_once(self, store: Store, need: int) -> None:
        suspend(store, begin(store, "order-1"), Group(_four(), need))

        woken = [settle(store, name) for name in NAMES]

        assert [bool(ids) for ids in woken] == [number == need for number in (1, 2, 3, 4)]

    def test_what_is_there_already_counts(self, store: Store) -> None:
        settle(store, "a")
        claimed = begin(store, "order-1")

        left = suspend(store, claimed, Group(_four(), 2))

        assert left.suspended
        assert settle(store, "b") == ["order-1"]
        assert claim(store, "order-1").journal == {"1!": "R\n" + DONE.value, "2!": "R\n" + DONE.value}

    def test_the_first_failure_wakes_a_group_that_fails_fast(self, store: Store) -> None:
        suspend(store, begin(store, "order-1"), every(*_four(), fail_fast=True))

        assert settle(store, "a") == []
        assert settle(store, "b", FAILED) == ["order-1"]

    def test_a_group_that_does_not_fail_fast_waits_for_all(self, store: Store) -> None:
        suspend(store, begin(store, "order-1"), every(*_four()))

        assert [settle(store, name, FAILED) for name in NAMES] == [[], [], [], ["order-1"]]

    def test_a_failure_that_is_there_already_completes_a_group_that_fails_fast(self, store: Store) -> None:
        settle(store, "b", FAILED)

        left = suspend(store, begin(store, "order-1"), every(*_four(), fail_fast=True))

        assert (left.suspended, left.delivered) == (False, {"2": FAILED})

    def test_the_first_complete_group_wakes_it(self, store: Store) -> None:
        groups = every(on("1", "a"), on("2", "b")), every(on("3", "c"), on("4", "d"))
        suspend(store, begin(store, "order-1"), *groups)

        assert [settle(store, name) for name in ("a", "c", "d", "b")] == [[], [], ["order-1"], []]

    def test_failing_fast_is_a_matter_of_each_group(self, store: Store) -> None:
        patient, hasty = every(on("1", "a"), on("2", "b")), every(on("3", "c"), on("4", "d"), fail_fast=True)
        suspend(store, begin(store, "order-1"), patient, hasty)

        assert settle(store, "a", FAILED) == []
        assert settle(store, "c", FAILED) == ["order-1"]

    @pytest.mark.parametrize("first", ["b", "c"])
    def test_one_promise_counts_for_every_group_it_is_in(self, store: Store, first: str) -> None:
        groups = every(on("1", "a"), on("2", "b")), every(on("1", "a"), on("3", "c"))
        suspend(store, begin(store, "order-1"), *groups)

        assert settle(store, first) == []
        assert settle(store, "a") == ["order-1"]

    def test_one_promise_may_complete_two_groups_at_once(self, store: Store) -> None:
        suspend(store, begin(store, "order-1"), every(on("1", "a")), any_of(on("1", "a"), on("2", "b")))

        assert settle(store, "a") == ["order-1"]

    def test_a_promise_named_twice_in_a_group_counts_twice(self, store: Store) -> None:
        suspend(store, begin(store, "order-1"), every(on("1", "a"), on("1", "a"), on("2", "b")))

        assert settle(store, "a") == []
        assert settle(store, "b") == ["order-1"]

    def test_one_promise_under_two_paths_is_delivered_to_both(self, store: Store) -> None:
        suspend(store, begin(store, "order-1"), every(on("1", "a"), on("2", "a")))

        assert settle(store, "a") == ["order-1"]
        assert set(claim(store, "order-1").journal) == {"1!", "2!"}

    def test_timers_and_promises_count_alike(self, store: Store, advance: Advance) -> None:
        claimed = begin(store, "order-1")
        timer = at("9", claimed.now_ms + 5_000)
        suspend(store, claimed, Group((timer, on("1", "a"), on("2", "b")), 2), every(timer, on("3", "c")))

        advance(5_000)
        at_timer = sweep(store)

        assert at_timer == []
        assert settle(store, "c") == ["order-1"]

    def test_a_late_outcome_for_an_earlier_suspension_is_kept_and_wakes_nobody(self, store: Store) -> None:
        suspend(store, begin(store, "order-1"), any_of(on("1", "a"), on("2", "b")))
        settle(store, "a")
        suspend(store, claim(store, "order-1"), every(on("3", "c"), on("4", "d")))

        late = settle(store, "b")

        assert late == []
        assert store.read("order-1")[1]["2!"] == "R\n" + DONE.value
        assert [settle(store, "c"), settle(store, "d")] == [[], ["order-1"]]

    def test_an_earlier_failure_does_not_fail_a_later_group(self, store: Store) -> None:
        suspend(store, begin(store, "order-1"), any_of(on("1", "a"), on("2", "b")), every(on("2", "b"), fail_fast=True))
        settle(store, "a")
        suspend(store, claim(store, "order-1"), every(on("3", "c"), fail_fast=True))

        assert settle(store, "b", FAILED) == []
        assert settle(store, "c") == ["order-1"]

    def test_waiting_again_for_the_same_promise_counts_in_the_new_group(self, store: Store) -> None:
        suspend(store, begin(store, "order-1"), any_of(on("1", "a"), on("2", "b")))
        settle(store, "a")
        suspend(store, claim(store, "order-1"), every(on("2", "b"), on("3", "c")))

        assert [settle(store, "b"), settle(store, "c")] == [[], ["order-1"]]

    def test_what_arrives_while_it_runs_is_there_when_it_asks(self, store: Store) -> None:
        suspend(store, begin(store, "order-1"), any_of(on("1", "a"), on("2", "b")))
        settle(store, "a")
        again = claim(store, "order-1")
        settle(store, "b", FAILED)

        left = suspend(store, again, every(on("2", "b")))

        assert (left.suspended, left.delivered) == (False, {"2": FAILED})

    def test_a_woken_execution_is_not_woken_twice(self, store: Store) -> None:
        suspend(store, begin(store, "order-1"), any_of(on("1", "a"), on("2", "b")))

        assert [settle(store, "a"), settle(store, "b")] == [["order-1"], []]
        assert claim(store, "order-1").promise.attempt == 2


def _four() -> tuple[Await, ...]:
    return tuple(on(str(number), name) for number, name in enumerate(NAMES, start=1))
