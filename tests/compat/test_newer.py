"""What a newer release has written is left to its workers: an older one neither fails it, parks it, nor hurries."""

from __future__ import annotations

import logging

import pytest

from durable_celery import Durable
from durable_celery.dev.child import wait_until
from durable_celery.store import Refusal, Refused
from durable_celery.stores import RedisStore
from durable_celery.stores.redis import records
from durable_celery.stores.redis import store as redis_store
from tests.contract.stories import LEASE, MAX, claim, execution


@pytest.fixture
def newer(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> RedisStore:
    """A store that holds an execution of the next format."""
    store = RedisStore(redis_url)
    with monkeypatch.context() as release:
        release.setattr(records, "FORMAT", 2)
        store.create(execution("order-1"))
    return store


def test_an_older_worker_cannot_claim_it(newer: RedisStore) -> None:
    refused = newer.claim("order-1", "old/1", LEASE)

    assert isinstance(refused, Refused)
    assert refused.why is Refusal.NEWER
    assert newer.get("order-1").status == "queued"
    assert newer.get("order-1").crashes == 0


def test_its_own_worker_claims_it_afterwards(newer: RedisStore, monkeypatch: pytest.MonkeyPatch) -> None:
    newer.claim("order-1", "old/1", LEASE)
    monkeypatch.setattr(redis_store, "FORMAT", 2)

    assert claim(newer, "order-1", "new/1").promise.attempt == 1


def test_it_is_hinted_at_less_and_less_often_until_a_worker_has_it(newer: RedisStore) -> None:
    client = newer.connection.client
    pauses = []
    for _ in range(3):
        client.incrby(newer.prefix + "clock", 60_000)
        assert [row.id for row in newer.sweep(MAX).ready] == ["order-1"]
        newer.claim("order-1", "old/1", LEASE)
        pauses.append(newer.sweep(MAX).next_due_ms or 0)

    assert pauses == pytest.approx([4000, 8000, 16000], abs=500)


def test_an_attempt_says_why_it_leaves_it(redis_url: str, newer: RedisStore, caplog: pytest.LogCaptureFixture) -> None:
    durable = Durable(store=newer)
    ran: list[str] = []

    @durable.register(name="order")
    def order(ctx: object, item: str) -> None:
        ran.append(item)

    with caplog.at_level(logging.WARNING):
        newer.connection.client.incrby(newer.prefix + "clock", 60_000)
        durable._publish(newer.sweep(MAX).ready)
        assert wait_until(lambda: "order-1 was written by a newer release" in caplog.text, 5)
    durable.close()

    assert ran == []
    assert newer.get("order-1").status == "queued"
