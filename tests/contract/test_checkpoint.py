"""T3: what was recorded is never recorded again, and its value never changes."""

from __future__ import annotations

from durable_celery.store import Claimed, Store
from tests.conftest import Advance
from tests.contract.stories import LEASE, MAX, begin, claim, sweep


class TestCheckpoint:
    def test_the_next_attempt_reads_what_this_one_wrote(self, store: Store) -> None:
        claimed = begin(store, "order-1")

        store.checkpoint(claimed.hold, 0, [("1", "one")])
        store.checkpoint(claimed.hold, 1, [("2", "two"), ("3", "three")])
        store.release(claimed.hold)

        again = claim(store, "order-1", "node/2")
        assert again.journal == {"1": "one", "2": "two", "3": "three"}
        assert again.cursor == 3

    def test_an_entry_is_written_once(self, store: Store) -> None:
        claimed = begin(store, "order-1")
        store.checkpoint(claimed.hold, 0, [("1", "first")])

        store.checkpoint(claimed.hold, 1, [("1", "second"), ("2", "two")])

        assert store.read("order-1")[1] == {"1": "first", "2": "two"}

    def test_a_call_whose_reply_was_lost_is_answered_again(self, store: Store) -> None:
        claimed = begin(store, "order-1")
        store.checkpoint(claimed.hold, 0, [("1", "one"), ("2", "two")])
        before = store.read("order-1")

        store.checkpoint(claimed.hold, 0, [("1", "one"), ("2", "two")])

        assert store.read("order-1") == before
        assert _cursor(store, claimed) == 2

    def test_payloads_are_kept_as_they_are(self, store: Store) -> None:
        claimed = begin(store, "order-1")
        entries = [("1", "[]"), ("2", "{}"), ("3", ""), ("4", "a\nb|c\x00d"), ("5", '"\\ud800 é 日本"'), ("6", "1e400")]

        store.checkpoint(claimed.hold, 0, entries)

        assert store.read("order-1")[1] == dict(entries)

    def test_it_renews_the_lease(self, store: Store, advance: Advance) -> None:
        claimed = begin(store, "order-1")

        for cursor in range(3):
            advance(LEASE - 1_000)
            store.checkpoint(claimed.hold, cursor, [(str(cursor), "x")])

        assert sweep(store) == []
        assert store.get("order-1").holder == "node/1"

    def test_progress_forgives_crashes(self, store: Store) -> None:
        begin(store, "order-1")
        store.crashed("order-1", "node/1", MAX, "killed")
        claimed = claim(store, "order-1")
        assert claimed.promise.crashes == 1

        store.checkpoint(claimed.hold, 0, [("1", "one")])

        assert store.get("order-1").crashes == 0

    def test_nothing_to_write_renews_the_lease_and_is_no_progress(self, store: Store, advance: Advance) -> None:
        begin(store, "order-1")
        store.crashed("order-1", "node/1", MAX, "killed")
        claimed = claim(store, "order-1")
        advance(LEASE - 1_000)

        store.checkpoint(claimed.hold, 0, [])
        advance(LEASE - 1_000)

        assert sweep(store) == []
        assert (_cursor(store, claimed), store.get("order-1").crashes) == (0, 1)


def _cursor(store: Store, claimed: Claimed) -> int:
    store.release(claimed.hold)
    return claim(store, claimed.hold.id).cursor
