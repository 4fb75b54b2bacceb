"""How long a settled promise is kept: a tree as long as its root, those that settle later from then on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from durable_celery.clock import ManualClock
from durable_celery.errors import PromiseNotFound
from durable_celery.newpromise import DEFAULT_RETENTION_MS
from durable_celery.store import Creation, Group, Store
from durable_celery.stores import LocalStore
from tests.contract.stories import DONE, begin, child, claim, execution, external, finish, on, settle, spawn

HOUR = 3_600_000
KeptFor = Callable[[str], int | None]


class TestRetention:
    def test_a_pending_promise_is_kept_for_as_long_as_it_takes(self, store: Store, kept_for: KeptFor) -> None:
        claimed = begin(store, "order-1", retention_ms=HOUR)
        store.checkpoint(claimed.hold, 0, [("1", "one")])
        store.create(external("approval", retention_ms=HOUR))

        assert (kept_for("order-1"), kept_for("approval")) == (None, None)

    def test_a_settled_one_is_kept_for_its_retention(self, store: Store, kept_for: KeptFor) -> None:
        store.create(external("approval", retention_ms=HOUR))
        store.create(execution("order-1"))
        settle(store, "approval")
        finish(store, "order-1")

        assert kept_for("approval") == pytest.approx(HOUR, abs=2_000)
        assert kept_for("order-1") == pytest.approx(DEFAULT_RETENTION_MS, abs=2_000)

    def test_a_child_is_kept_until_its_root_is_settled_and_then_as_long(self, store: Store, kept_for: KeptFor) -> None:
        root = begin(store, "root", retention_ms=HOUR)
        spawn(store, root.hold, 0, "1", ">", child("root.1", retention_ms=1))
        finish(store, "root.1")
        before = kept_for("root.1")

        store.fulfil(root.hold, 1, DONE)

        assert before is None
        assert kept_for("root.1") == pytest.approx(kept_for("root"), abs=5) == pytest.approx(HOUR, abs=2_000)

    def test_an_external_child_that_nobody_settled_goes_with_its_root(self, store: Store, kept_for: KeptFor) -> None:
        root = begin(store, "root", retention_ms=HOUR)
        spawn(store, root.hold, 0, "1", ">", external("root.1", parent="root", tree="root"))
        spawn(store, root.hold, 1, "2", ">", external("root.2", parent="root", tree="root"))
        other = begin(store, "other")
        store.suspend(other.hold, 0, [Group((on("1", "root.2"),), 1)])
        before = kept_for("root.1")

        store.fulfil(root.hold, 2, DONE)

        assert before is None
        assert kept_for("root.1") == pytest.approx(HOUR, abs=2_000)
        assert kept_for("root.2") is None, "somebody waits for it"

    def test_a_child_that_outlives_its_root_is_kept_from_its_own_end_on(self, store: Store, kept_for: KeptFor) -> None:
        root = begin(store, "root", retention_ms=HOUR)
        spawn(store, root.hold, 0, "1", ">", child("root.1", retention_ms=2 * HOUR))
        late = claim(store, "root.1")
        store.fulfil(root.hold, 1, DONE)
        while_running = kept_for("root.1")

        spawn(store, late.hold, 0, "1", ">", child("root.1.1", retention_ms=3 * HOUR))
        store.fulfil(late.hold, 1, DONE)
        finish(store, "root.1.1")

        assert while_running is None
        assert kept_for("root.1") == pytest.approx(2 * HOUR, abs=2_000)
        assert kept_for("root.1.1") == pytest.approx(3 * HOUR, abs=2_000)

    def test_a_late_child_can_still_be_cancelled_with_its_own(self, store: Store) -> None:
        root = begin(store, "root", retention_ms=HOUR)
        spawn(store, root.hold, 0, "1", ">", child("root.1"))
        late = claim(store, "root.1")
        store.fulfil(root.hold, 1, DONE)
        spawn(store, late.hold, 0, "1", ">", child("root.1.1"))

        store.cancel("root.1")

        assert store.get("root.1.1").status == "cancelled"

    def test_a_cancelled_tree_is_kept_as_a_whole(self, store: Store, kept_for: KeptFor) -> None:
        root = begin(store, "root", retention_ms=HOUR)
        spawn(store, root.hold, 0, "1", ">", child("root.1", retention_ms=HOUR))

        store.cancel("root")

        assert kept_for("root") == pytest.approx(HOUR, abs=2_000)
        assert kept_for("root.1") == pytest.approx(HOUR, abs=2_000)

    def test_even_no_retention_leaves_time_to_read_the_outcome(self, store: Store, kept_for: KeptFor) -> None:
        store.create(external("approval", retention_ms=0))

        how, promise, _ = store.settle("approval", DONE.state, DONE.value)

        assert (how, promise.value) == (Creation.FRESH, DONE.value)
        assert store.get("approval").value == DONE.value
        assert kept_for("approval") == pytest.approx(2_000, abs=500)

    def test_after_that_the_id_is_free(self) -> None:
        clock = ManualClock()
        store = LocalStore(clock)  # Redis does the same by its own clock, which no test can move
        store.create(execution("order-1", retention_ms=HOUR))
        finish(store, "order-1")

        clock.advance(ms=HOUR)

        with pytest.raises(PromiseNotFound):
            store.get("order-1")
        assert store.create(execution("order-1", digest="d2")).fresh
