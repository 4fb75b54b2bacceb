"""The store's connections: kept between calls, and made anew when they are not what they were."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest
import redis

from durable_celery.errors import PromiseNotFound, StoreUnavailable
from durable_celery.stores import RedisStore
from durable_celery.stores.redis.pool import Pool


@pytest.fixture
def store(redis_url: str) -> Iterator[RedisStore]:
    made = RedisStore(redis_url)
    yield made
    made.close()


def look(store: RedisStore) -> None:
    with pytest.raises(PromiseNotFound):
        store.get("nobody")


def at_once(store: RedisStore, count: int) -> None:
    """As many looks as make a connection each."""
    start = threading.Barrier(count)

    def act() -> None:
        taken.append(pool.get_connection())
        start.wait(10)

    pool, taken = store.connection.client.connection_pool, list[redis.Connection]()
    threads = [threading.Thread(target=act) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for connection in taken:
        pool.release(connection)


def listed(client: redis.Redis) -> int:
    """How many connections the server has, but for the one that asks."""
    return len(client.client_list(_type="normal")) - 1


def test_calls_one_after_the_other_share_a_connection(store: RedisStore, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        before = listed(client)
        for _ in range(10):
            look(store)
        assert listed(client) == before + 1


def test_when_the_server_closes_all_one_failure_is_enough(
    store: RedisStore, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that starts again, or ends idle connections (`timeout`), breaks every one of them at once."""
    at_once(store, 8)
    failures = list[BaseException]()
    trouble = store.connection._trouble
    monkeypatch.setattr(store.connection, "_trouble", lambda error: (failures.append(error), trouble(error))[1])
    with redis.Redis.from_url(redis_url) as client:
        client.client_kill_filter(_type="normal", skipme=True)
        look(store)
    pool = store.connection.client.connection_pool
    taken = [pool.get_connection() for _ in range(8)]
    for connection in taken:
        connection.send_command("PING")

    assert [connection.read_response() for connection in taken] == ["PONG"] * 8
    assert len(failures) == 1
    for connection in taken:
        pool.release(connection)


def test_a_forked_process_makes_connections_of_its_own(store: RedisStore) -> None:
    at_once(store, 2)
    pool = store.connection.client.connection_pool
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            look(store)
            connection = pool.get_connection()
            os.write(writing, b"own" if connection.pid == os.getpid() else b"its parent's")
        finally:
            os._exit(0)
    os.waitpid(pid, 0)

    assert os.read(reading, 100) == b"own"
    look(store)  # and took none of them away


def test_a_server_that_says_nothing_is_waited_for_as_long_as_patience_lasts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        store = RedisStore(f"redis://127.0.0.1:{server.getsockname()[1]}/0", patience=0.5)
        began = time.monotonic()

        with pytest.raises(StoreUnavailable, match="longer than the timeout"):
            store.get("nobody")

        assert 0.4 < time.monotonic() - began < 10


def test_a_server_that_takes_nothing_is_not_waited_for_longer_either() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        pool = Pool.from_url(url, socket_timeout=0.3, redis_connect_func=lambda _: None)
        connection = pool.make_connection()
        connection.connect()

        with pytest.raises(redis.TimeoutError):
            connection.send_packed_command([b"x" * 50_000_000])


def test_a_connection_does_not_poll_its_socket(store: RedisStore) -> None:
    """Each poll would let other threads have the interpreter, and wait for it again."""
    look(store)
    pool = store.connection.client.connection_pool
    connection = pool.get_connection()

    assert connection._sock.gettimeout() is None
    limits = [
        connection._sock.getsockopt(socket.SOL_SOCKET, each, 16) for each in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO)
    ]
    assert [struct.unpack("ll", each)[0] for each in limits] == [int(connection.socket_timeout)] * 2
    pool.release(connection)


def test_closing_gives_all_back(store: RedisStore, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        before = listed(client)
        at_once(store, 3)
        assert listed(client) == before + 3

        store.close()

        assert listed(client) == before


def test_a_client_that_was_given_keeps_its_own_pool(redis_url: str) -> None:
    """It may be small, and others may need it."""
    pool = redis.BlockingConnectionPool.from_url(redis_url, max_connections=1, timeout=1, decode_responses=True)
    with redis.Redis(connection_pool=pool) as client:
        store = RedisStore(client)
        look(store)

        assert not isinstance(client.connection_pool, Pool)
        assert client.ping()
