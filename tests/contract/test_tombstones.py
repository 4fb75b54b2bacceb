"""Ids that are burnt: after its retention an execution is known by its tombstone alone, and is not made again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from durable_celery.errors import Expired, PromiseNotFound
from durable_celery.store import Birth, Created, Refusal, Refused, Store
from durable_celery.stores import LocalStore, RedisStore
from tests.conftest import Advance
from tests.contract.stories import DONE, begin, child, execution, external, finish, settle

HOUR = 3_600_000
Forget = Callable[..., None]


@pytest.fixture
def forget(store: Store, advance: Advance) -> Forget:
    """Let the retention of promises end, which lasts an hour; Redis does so by a clock that no test can move."""

    def let(*promise_ids: str) -> None:
        advance(HOUR)
        if isinstance(store, RedisStore):
            store.connection.client.delete(*(f"{store.prefix}{kind}:{each}" for each in promise_ids for kind in "rjt"))

    return let


class TestTombstones:
    def test_an_id_is_burnt_when_its_execution_is_kept_no_more(self, store: Store, forget: Forget) -> None:
        store.create(execution("order-1", retention_ms=HOUR, tombstone_ms=HOUR))
        finish(store, "order-1")
        forget("order-1")

        for use in (
            lambda: store.get("order-1"),
            lambda: store.read("order-1"),
            lambda: store.create(execution("order-1", tombstone_ms=HOUR)),
            lambda: store.create(execution("order-1", digest="d2", function="invoice")),
            lambda: store.create(external("order-1")),
        ):
            with pytest.raises(Expired) as raised:
                use()
            assert (raised.value.promise_id, raised.value.function) == ("order-1", "order")

    def test_no_worker_can_take_it_up(self, store: Store, forget: Forget) -> None:
        store.create(execution("order-1", retention_ms=HOUR, tombstone_ms=HOUR))
        finish(store, "order-1")
        forget("order-1")

        assert store.claim("order-1", "node/1", 1_000) == Refused(Refusal.ABSENT, None)
        assert store.search().promises == ()

    def test_nor_can_a_body_make_it_anew(self, store: Store, forget: Forget) -> None:
        store.create(execution("order-1", retention_ms=HOUR, tombstone_ms=HOUR))
        finish(store, "order-1")
        forget("order-1")
        root = begin(store, "root")

        births = [
            Birth("1", "a", child("root.1")),
            Birth("2", "b", execution("order-1", parent="root")),
            Birth("3", "c", child("root.3")),
        ]
        found = store.spawn(root.hold, 0, births)
        if len(found) < 3:  # those after one that was refused may be told again
            found += store.spawn(root.hold, 1, births[2:])

        assert [type(each) for each in found] == [Created, Expired, Created]
        assert set(store.read("root")[1]) == {"1", "3"}

    def test_however_it_was_settled(self, store: Store, advance: Advance, forget: Forget) -> None:
        for name in ("cancelled", "late", "parked"):
            store.create(
                execution(name, retention_ms=HOUR, tombstone_ms=HOUR, timeout_ms=5 if name == "late" else None)
            )
        store.cancel("cancelled")
        advance(5)
        store.sweep(3)
        store.park(store.claim("parked", "node/1", 1_000).hold, "broken")  # type: ignore[union-attr]
        store.cancel("parked")

        forget("cancelled", "late", "parked")
        for name in ("cancelled", "late", "parked"):
            with pytest.raises(Expired):
                store.get(name)

    def test_none_is_set_where_none_is_asked_for(self, store: Store, forget: Forget) -> None:
        store.create(execution("order-1", retention_ms=HOUR))
        finish(store, "order-1")
        forget("order-1")

        with pytest.raises(PromiseNotFound) as raised:
            store.get("order-1")
        assert type(raised.value) is PromiseNotFound
        assert store.create(execution("order-1", digest="d2")).fresh

    def test_a_promise_from_outside_and_a_child_leave_none(self, store: Store, forget: Forget) -> None:
        store.create(external("approval", retention_ms=HOUR))
        settle(store, "approval")
        root = begin(store, "root", retention_ms=HOUR)
        store.spawn(root.hold, 0, [Birth("1", ">", child("root.1", tombstone_ms=HOUR))])
        finish(store, "root.1")
        store.fulfil(root.hold, 1, DONE)
        forget("approval", "root", "root.1")

        for name in ("approval", "root.1"):
            with pytest.raises(PromiseNotFound) as raised:
                store.get(name)
            assert type(raised.value) is PromiseNotFound

    def test_its_time_begins_when_the_retention_ends_and_then_the_id_is_free(self, store: Store) -> None:
        store.create(execution("order-1", retention_ms=HOUR, tombstone_ms=2 * HOUR))
        finish(store, "order-1")
        if isinstance(store, RedisStore):
            assert store.connection.client.pttl(f"{store.prefix}tb:order-1") == pytest.approx(3 * HOUR, abs=5_000)
            store.connection.client.delete(*(f"{store.prefix}{kind}:order-1" for kind in ("r", "j", "t", "tb")))
        elif isinstance(store, LocalStore):
            store.clock.advance(ms=3 * HOUR - 1)  # type: ignore[attr-defined]
            with pytest.raises(Expired):
                store.get("order-1")
            store.clock.advance(ms=1)  # type: ignore[attr-defined]

        assert store.create(execution("order-1", digest="d2")).fresh
