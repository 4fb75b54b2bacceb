"""The stores of the contract: those of all tests, and Redis with every reply lost once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from durable_celery.clock import ManualClock
from durable_celery.dev.server import EmbeddedRedis
from durable_celery.store import Store
from durable_celery.stores import LocalStore, RedisStore
from durable_celery.stores.redis.connection import Connection
from durable_celery.stores.redis.scripts import Argument, Script
from tests.conftest import Advance, opened


class LostReplies(Connection):
    """Runs each script that answers a second call as the first twice, as a client does that never got the reply."""

    REPEATED = ("create", "claim", "checkpoint", "spawn", "suspend", "fulfil", "settle", "sent", "progress")

    def run(self, script: Script, key: str, arguments: list[Argument]) -> Any:
        first = super().run(script, key, arguments)
        if script.name not in self.REPEATED:
            return first
        second = super().run(script, key, arguments)
        if script.name in ("fulfil", "settle") and len(first) > 1:
            second[-1] = first[-1]  # who became ready is told once; the sweep tells again
        return second


#: When every contract test begins: ManualClock's first instant.
START = ManualClock().now_ms()


def set_clock(store: RedisStore, now_ms: int) -> None:
    """Let it be this instant for the store's scripts until told otherwise."""
    store.connection.client.set(store.prefix + "clock", f"@{now_ms}")


@pytest.fixture(params=["local", "fakeredis", "redis", "redis-replies-lost", "cluster"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """Every keeper of the contract in turn; their clocks stand still."""
    made = opened(request.param, request)
    if isinstance(made, RedisStore):
        set_clock(made, START)
    if request.param == "redis-replies-lost":
        assert isinstance(made, RedisStore)
        made.connection = LostReplies(made.connection.client, made.connection.patience_s)
    yield made
    made.close()


@pytest.fixture
def advance(store: Store) -> Advance:
    """Move the store's clock forward by so many milliseconds."""
    now_ms = START

    def move(ms: int) -> None:
        nonlocal now_ms
        now_ms += ms
        if isinstance(store, RedisStore):
            set_clock(store, now_ms)
        elif isinstance(store, LocalStore) and isinstance(store.clock, ManualClock):
            store.clock.advance(ms=ms)

    return move


@pytest.fixture
def server() -> Iterator[EmbeddedRedis]:
    """A server of the test's own, which it may stop, freeze and misconfigure."""
    with EmbeddedRedis(appendfsync="always") as running:
        yield running


@pytest.fixture
def kept_for(store: Store) -> Callable[[str], int | None]:
    """For how many milliseconds a store will still keep a promise; None for as long as it is pending."""
    if isinstance(store, LocalStore):
        return lambda promise_id: _local_lifetime(store, promise_id)
    assert isinstance(store, RedisStore)
    return lambda promise_id: _redis_lifetime(store, promise_id)


def _local_lifetime(store: LocalStore, promise_id: str) -> int | None:
    expires_at = store._rows.by_id[promise_id].expires_at
    return None if expires_at is None else expires_at - store.clock.now_ms()


def _redis_lifetime(store: RedisStore, promise_id: str) -> int | None:
    client = store.connection.client
    lifetimes = {client.pttl(f"{store.prefix}{kind}:{promise_id}") for kind in "rj"} - {-2}
    assert max(lifetimes) - min(lifetimes) <= 50, "the record and the journal go together"
    return None if max(lifetimes) == -1 else int(max(lifetimes))
