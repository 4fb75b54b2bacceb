"""What bodies log: written with what they write anyway; the last lines, numbered, for as long as the record."""

from __future__ import annotations

import pytest

from durable_celery.errors import LeaseLost
from durable_celery.looking import Lines
from durable_celery.store import Store
from durable_celery.stores import RedisStore
from tests.contract.stories import DONE, begin, claim


class TestLog:
    def test_lines_come_with_an_entry_with_progress_and_with_the_outcome(self, store: Store) -> None:
        claimed = begin(store, "a")
        store.checkpoint(claimed.hold, 0, [("1", "one")], (), Lines(("first", "second"), 10, "m1"))
        store.progress(claimed.hold, '{"done":1}', Lines(("third",), 10, "m2"))
        store.progress(claimed.hold, "", Lines(("fourth",), 10, "m3"))
        store.fulfil(claimed.hold, 1, DONE, (), (), Lines(("last",), 10, "m4"))

        assert store.log("a") == ["1 first", "2 second", "3 third", "4 fourth", "5 last"]
        found = store.get("a")
        assert (found.logged, found.progress, found.state) == (5, '{"done":1}', DONE.state)
        assert store.read("a")[1] == {"1": "one"}

    def test_the_last_are_kept_and_keep_their_numbers(self, store: Store) -> None:
        claimed = begin(store, "a")
        for number in range(1, 6):
            store.progress(claimed.hold, "", Lines((f"line {number}", "and more"), 3, f"m{number}"))

        assert store.log("a") == ["8 and more", "9 line 5", "10 and more"]
        assert store.get("a").logged == 10

    def test_whoever_lost_it_logs_nothing(self, store: Store) -> None:
        lost = begin(store, "a")
        store.release(lost.hold)
        claim(store, "a")

        for write in (
            lambda: store.progress(lost.hold, "", Lines(("late",), 3, "m")),
            lambda: store.checkpoint(lost.hold, 0, [("1", "one")], (), Lines(("late",), 3, "m")),
        ):
            with pytest.raises(LeaseLost):
                write()
        assert store.log("a") == []
        assert store.log("nobody") == []

    def test_it_ends_with_the_record(self, store: Store) -> None:
        claimed = begin(store, "a", retention_ms=3_600_000)
        store.checkpoint(claimed.hold, 0, [("1", "one")], (), Lines(("first",), 10, "m1"))
        store.fulfil(claimed.hold, 1, DONE)

        if isinstance(store, RedisStore):
            lifetimes = [store.connection.client.pttl(f"{store.prefix}{kind}:a") for kind in "rl"]
            assert lifetimes == [pytest.approx(3_600_000, abs=2_000)] * 2
