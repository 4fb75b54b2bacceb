"""A store that lost its tail: noticed by the first reply, and who read what is gone can write nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from durable_celery import telemetry
from durable_celery.errors import LeaseLost, StoreFull
from durable_celery.store import Beat
from durable_celery.stores import RedisStore
from tests.contract.stories import DONE, LEASE, MAX, begin, claim, every, execution, external, on, settle


@pytest.fixture
def store(redis_url: str) -> Iterator[RedisStore]:
    made = RedisStore(redis_url)
    yield made
    made.connection.client.flushall()
    made.close()


@pytest.fixture
def other(redis_url: str) -> Iterator[RedisStore]:
    """Another process, which knows nothing of this one."""
    made = RedisStore(redis_url)
    yield made
    made.close()


class Backup:
    """Everything in a store at a moment, to go back to."""

    def __init__(self, store: RedisStore) -> None:
        self._client = store.connection.client
        self._kept = {
            key: self._client.execute_command("DUMP", key, NEVER_DECODE=True) for key in self._client.scan_iter()
        }

    def restore(self) -> None:
        self._client.flushall()
        for key, value in self._kept.items():
            self._client.restore(key, 0, value)


def test_the_first_reply_tells_and_is_reported(store: RedisStore, caplog: pytest.LogCaptureFixture) -> None:
    events: list[tuple[str, dict[str, object]]] = []
    end = telemetry.subscribe(lambda event, fields: events.append((event, fields)))
    backup = Backup(store)
    store.create(execution("lost-1"))
    store.create(execution("lost-2"))

    backup.restore()
    store.sweep(MAX)

    end()
    assert store.rollbacks == 1
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "gone back in time: it is at change 1 and was seen at 2" in caplog.text
    assert events == [("store.rollback", {"seen": 2, "found": 1})]


def test_it_is_told_once(store: RedisStore) -> None:
    store.create(execution("lost"))
    store.connection.client.flushall()

    for _ in range(3):
        store.create(execution("new"))
        store.sweep(MAX)

    assert store.rollbacks == 1


def test_a_single_change_that_is_lost_is_noticed_by_a_write_and_by_a_look(store: RedisStore) -> None:
    store.create(execution("kept"))
    backup = Backup(store)
    for look in (lambda: store.sweep(MAX), lambda: store.get("kept")):
        before = store.rollbacks
        store.create(execution("lost"))
        backup.restore()
        look()
        assert store.rollbacks == before + 1


def test_who_saw_less_than_is_left_notices_nothing(store: RedisStore, other: RedisStore) -> None:
    other.create(execution("kept"))
    backup = Backup(store)
    store.create(execution("lost"))

    backup.restore()

    assert other.get("kept").status == "queued"
    assert other.rollbacks == 0


def test_replies_that_overtake_each_other_are_no_rollback(store: RedisStore) -> None:
    tide = store.connection.tide
    tide.note(5, 3, 0, counted=True)
    tide.note(4, 3, 0, counted=True)

    assert (tide.seen, tide.rollbacks) == (5, 0)


def test_stores_of_one_process_know_it_together(store: RedisStore) -> None:
    hasty = store.patient(0.5)
    store.create(execution("lost"))
    store.connection.client.flushall()

    hasty.sweep(MAX)

    assert store.rollbacks == 1
    hasty.close()


class TestFenced:
    def test_what_was_read_before_cannot_be_built_upon(self, store: RedisStore, other: RedisStore) -> None:
        """Token and cursor are right; but an outcome that the holder went by is not there any more."""
        store.create(external("approval"))
        held = begin(store, "order-1")
        backup = Backup(store)
        settle(store, "approval")
        told = store.suspend(held.hold, 0, [every(on("1", "approval"))])
        assert told.delivered

        backup.restore()
        with pytest.raises(LeaseLost):
            store.fulfil(held.hold, 0, DONE)

        assert other.get("order-1").status == "running"
        assert other.get("approval").status == "queued" or not other.get("approval").state.settled
        assert store.rollbacks == 1

    def test_the_same_epoch_again_is_another_token(self, store: RedisStore, other: RedisStore) -> None:
        store.create(execution("order-1"))
        backup = Backup(store)
        former = claim(store, "order-1")

        backup.restore()
        present = claim(other, "order-1", "node/2")

        assert present.promise.attempt == former.promise.attempt
        assert store.beat([Beat(former.hold)]).lost == {"order-1"}
        with pytest.raises(LeaseLost):
            store.checkpoint(former.hold, 0, [("1", "one")])
        other.checkpoint(present.hold, 0, [("1", "uno")])
        assert other.read("order-1")[1] == {"1": "uno"}

    def test_a_lost_claim_leaves_it_ready_and_a_lost_creation_is_unknown(self, store: RedisStore) -> None:
        store.create(execution("order-1"))
        backup = Backup(store)
        claim(store, "order-1")
        store.create(execution("order-2"))

        backup.restore()

        assert store.get("order-1").status == "queued"
        assert store.claim("order-2", "node/1", LEASE).promise is None
        assert claim(store, "order-1").promise.attempt == 1


def test_a_full_memory_is_not_mistaken_for_it(store: RedisStore) -> None:
    client = store.connection.client
    store.create(execution("order-1"))
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreFull):
            store.create(execution("order-2"))
        store.sweep(MAX)
    finally:
        client.config_set("maxmemory", 0)
    store.create(execution("order-2"))

    assert store.rollbacks == 0
