"""Shared by all tests: a real Redis, every store, and a clock that moves when told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import fakeredis
import pytest
import redis

from durable_celery.clock import ManualClock
from durable_celery.dev.child import wait_until
from durable_celery.dev.server import EmbeddedRedis
from durable_celery.store import Store
from durable_celery.stores import LocalStore, RedisStore
from tests.cluster import TestCluster, cluster
from tests.leaks import leaks

#: The files of the contract that each run plays on a Redis Cluster as well; `--store cluster` plays all.
ON_CLUSTER = ("test_specification.py", "test_answers.py")
Advance = Callable[[int], None]


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedRedis]:
    """One server for the whole run; nobody kills it, so a slow disk need not hold it up."""
    with EmbeddedRedis(appendfsync="no") as server:
        yield server


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis) -> Iterator[str]:
    """The address of an empty Redis. After the test no key of ours may be left without a lifetime."""
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as client:
        client.flushall()
        yield redis_server.url
        # A thread of this process may still be at the end of an attempt: what passes is no leak.
        assert wait_until(lambda: not leaks(client), 5, pause=0.1), leaks(client)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--store", help="only tests on this kind of store: local, fakeredis, redis, cluster, …")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the other stores, where one was asked for; else what is too long on a cluster for every run."""
    wanted = config.getoption("--store")

    def chosen(item: pytest.Item) -> bool:
        kind = getattr(item, "callspec", None) and item.callspec.params.get("store")  # type: ignore[attr-defined]
        if wanted:
            return bool(kind == wanted)
        return bool(kind != "cluster" or item.path.name in ON_CLUSTER)

    config.hook.pytest_deselected(items=[item for item in items if not chosen(item)])
    items[:] = [item for item in items if chosen(item)]


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[TestCluster]:
    """Three servers for the whole run."""
    with cluster() as made:
        yield made


@pytest.fixture
def cluster_url(redis_cluster: TestCluster) -> str:
    """The address of an empty Redis Cluster."""
    redis_cluster.clear()
    return redis_cluster.url


def opened(kind: str, request: pytest.FixtureRequest) -> LocalStore | RedisStore:
    """A store of one kind, empty."""
    if kind == "local":
        return LocalStore(ManualClock())
    if kind == "fakeredis":
        return RedisStore(fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=True))
    if kind == "cluster":
        return RedisStore(request.getfixturevalue("cluster_url"))
    return RedisStore(request.getfixturevalue("redis_url"))


@pytest.fixture(params=["local", "fakeredis", "redis"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """Every keeper of the contract in turn."""
    made = opened(request.param, request)
    yield made
    made.close()


@pytest.fixture
def advance(store: Store) -> Advance:
    """Move the store's clock forward by so many milliseconds."""
    if isinstance(store, LocalStore):
        clock = store.clock
        assert isinstance(clock, ManualClock)
        return lambda ms: clock.advance(ms=ms)
    assert isinstance(store, RedisStore)
    client, key = store.connection.client, store.prefix + "clock"

    def move(ms: int) -> None:
        client.incrby(key, ms)

    return move
