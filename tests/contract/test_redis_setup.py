"""`check`: a Redis that could lose promises is refused, with the setting to change."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from durable_celery.errors import StoreMisconfigured
from durable_celery.stores import RedisStore


@pytest.fixture
def store(redis_url: str) -> Iterator[RedisStore]:
    """A store on the shared server, whose settings are put back."""
    made = RedisStore(redis_url)
    client = made.connection.client
    before: Any = client.config_get("maxmemory", "maxmemory-policy", "appendonly", "appendfsync")
    client.config_set("appendfsync", "everysec")
    yield made
    for name, value in before.items():
        client.config_set(name, value)
    made.close()


class TestCheck:
    def test_a_server_as_it_should_be_is_accepted_in_silence(
        self, store: RedisStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        store.check()
        store.check()

        assert caplog.records == []

    @pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "allkeys-random"])
    def test_one_that_would_evict_promises_is_refused(self, store: RedisStore, policy: str) -> None:
        store.connection.client.config_set("maxmemory", 1_000_000_000)
        store.connection.client.config_set("maxmemory-policy", policy)

        with pytest.raises(StoreMisconfigured, match=f"maxmemory-policy {policy}.*maxmemory-policy noeviction"):
            store.check()

    @pytest.mark.parametrize(("maxmemory", "policy"), [(1_000_000_000, "noeviction"), (0, "allkeys-lru")])
    def test_one_that_cannot_evict_is_accepted(self, store: RedisStore, maxmemory: int, policy: str) -> None:
        store.connection.client.config_set("maxmemory", maxmemory)
        store.connection.client.config_set("maxmemory-policy", policy)

        store.check()

    def test_one_without_an_append_only_file_gets_a_warning(
        self, store: RedisStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        store.connection.client.config_set("appendonly", "no")

        store.check()

        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        assert "appendonly yes" in caplog.text

    def test_one_that_leaves_writing_to_its_kernel_gets_a_warning(
        self, store: RedisStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        store.connection.client.config_set("appendfsync", "no")

        store.check()

        assert "appendfsync everysec" in caplog.text

    @pytest.mark.parametrize(("field", "value"), [("layout", "2"), ("partitions", "128")])
    def test_what_another_release_wrote_is_refused(self, store: RedisStore, field: str, value: str) -> None:
        store.check()
        store.connection.client.hset("dc:meta", field, value)

        with pytest.raises(StoreMisconfigured, match="this release reads layout 1 with 1 partition"):
            store.check()

    @pytest.mark.parametrize("secret", ["-info", "-config", "-info -config"])
    def test_a_server_that_keeps_its_settings_to_itself_is_trusted_with_a_warning(
        self, store: RedisStore, redis_url: str, caplog: pytest.LogCaptureFixture, secret: str
    ) -> None:
        store.connection.client.acl_setuser(
            "shy", enabled=True, passwords=["+p"], keys=["*"], channels=["*"], commands=["+@all", *secret.split()]
        )

        try:
            RedisStore(redis_url.replace("redis://", "redis://shy:p@")).check()
        finally:
            store.connection.client.acl_deluser("shy")

        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        assert "appendonly yes" in caplog.text

    def test_a_client_of_ones_own_will_do(self, redis_url: str) -> None:
        with redis.Redis.from_url(redis_url, decode_responses=True) as client:
            RedisStore(client).check()
