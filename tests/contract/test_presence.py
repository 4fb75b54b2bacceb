"""Presence: workers see that one of them is gone, and are not deceived by a Redis that went away."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

import pytest
from redis.exceptions import RedisError

from durable_celery.dev.child import wait_until
from durable_celery.dev.server import EmbeddedRedis
from durable_celery.store import Presence
from durable_celery.stores import LocalStore, RedisStore
from tests.network.proxy import Proxy, Trouble

SOON = 10


@pytest.fixture
def store(server: EmbeddedRedis) -> Iterator[RedisStore]:
    made = RedisStore(server.url, patience=5)
    yield made
    made.close()


@pytest.fixture
def here(store: RedisStore) -> Iterator[Presence]:
    """A worker that looks at the others."""
    presence = store.presence("here")
    presence.attend()
    yield presence
    presence.leave()


class TestPresence:
    def test_those_who_are_there_are_not_missed(self, store: RedisStore, here: Presence) -> None:
        other = store.presence("other")
        other.attend()

        assert [here.gone() for _ in range(5)] == [[]] * 5
        assert [other.gone() for _ in range(5)] == [[]] * 5
        other.leave()

    def test_a_killed_worker_is_missed_at_the_second_look(self, server: EmbeddedRedis, here: Presence) -> None:
        pid = _attending_process(server.url, "doomed")
        before = here.gone()

        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        looks: list[list[str]] = []
        seen = wait_until(lambda: looks.append(here.gone()) or looks[-1] == ["doomed"], SOON)  # type: ignore[func-returns-value]

        assert before == []
        assert seen
        assert len(looks) >= 2

    def test_one_that_left_in_good_order_is_not_missed(self, store: RedisStore, here: Presence) -> None:
        other = store.presence("other")
        other.attend()
        other.leave()

        assert [here.gone() for _ in range(5)] == [[]] * 5

    def test_after_redis_was_away_nobody_is_missed_who_is_there(
        self, server: EmbeddedRedis, store: RedisStore, here: Presence
    ) -> None:
        other = store.presence("other")
        other.attend()

        server.restart()
        channels = [f"{store.prefix}node:{node}" for node in ("here", "other")]
        back = wait_until(
            lambda: (
                here.gone() == []
                and dict(store.connection.client.pubsub_numsub(*channels)) == dict.fromkeys(channels, 1)
            ),
            SOON,
        )

        assert back
        assert [here.gone() for _ in range(5)] == [[]] * 5
        other.leave()

    def test_who_is_not_heard_any_more_and_was_never_told_so_notices_and_comes_back(
        self, server: EmbeddedRedis, store: RedisStore
    ) -> None:
        """A firewall that forgets a connection tells neither side of it."""
        with Proxy(server.port, resets=False) as proxy:
            behind = RedisStore(f"redis://127.0.0.1:{proxy.port}/0", patience=0.5)
            presence = behind.presence("behind")
            presence.attend()
            channel = f"{store.prefix}node:behind"

            proxy.set(Trouble.HALF_OPEN)
            unheard = wait_until(lambda: _listeners(store, channel) == 0, SOON)
            store.lapse("behind", 3, "gone")
            back = wait_until(lambda: _looked(presence) and _listeners(store, channel) == 1, SOON)
            listed = store.prefix + "workers"
            known = wait_until(lambda: store.connection.client.zrange(listed, 0, -1) == ["behind"], SOON)

            assert (unheard, back, known) == (True, True, True)
            presence.leave()
            behind.close()

    def test_a_lapsed_worker_is_forgotten(self, server: EmbeddedRedis, store: RedisStore, here: Presence) -> None:
        pid = _attending_process(server.url, "doomed")
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        assert wait_until(lambda: here.gone() == ["doomed"], SOON)

        store.lapse("doomed", 3, "gone")

        assert [here.gone() for _ in range(5)] == [[]] * 5
        assert store.connection.client.zrange(store.prefix + "workers", 0, -1) == ["here"]

    def test_in_one_process_nobody_is_ever_missed(self) -> None:
        presence = LocalStore().presence("here")
        presence.attend()

        assert presence.gone() == []
        presence.leave()


def _listeners(store: RedisStore, channel: str) -> int:
    return int(dict(store.connection.client.pubsub_numsub(channel))[channel])


def _looked(presence: Presence) -> bool:
    """A look as a sweeper makes it: one that fails is repeated."""
    with contextlib.suppress(RedisError, OSError):
        presence.gone()
    return True


def _attending_process(url: str, node: str) -> int:
    """A process that is present until it is killed."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            RedisStore(url).presence(node).attend()
            os.write(writing, b"!")
            signal.pause()
        finally:
            os._exit(1)
    assert os.read(reading, 1) == b"!"
    os.close(reading)
    os.close(writing)
    return pid
