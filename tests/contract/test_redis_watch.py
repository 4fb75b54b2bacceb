"""Hints over Redis: whoever waits is told, whatever happens to the connection meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
import redis

from durable_celery.dev.server import EmbeddedRedis
from durable_celery.stores import RedisStore
from durable_celery.stores.redis import watch
from tests.acceptance.workers.waiting import wait_until
from tests.contract.stories import DONE, begin, external, settle
from tests.network.proxy import Proxy, Trouble

SOON = 10


def by(proxy: Proxy) -> str:
    return f"redis://127.0.0.1:{proxy.port}/0"


@pytest.fixture
def store(server: EmbeddedRedis) -> Iterator[RedisStore]:
    made = RedisStore(server.url, patience=5)
    yield made
    made.close()


class Waiter:
    """Waits as a handle does: looks at the store at every hint, and only then."""

    def __init__(self, store: RedisStore, promise_id: str) -> None:
        self._store = store
        self._id = promise_id
        self.done = threading.Event()
        self.looks = 0
        self.end = store.watch(promise_id, self._look)

    def _look(self) -> None:
        self.looks += 1
        if self._store.get(self._id).state.settled:
            self.done.set()


class TestHints:
    @pytest.mark.parametrize("end", ["settled", "parked"])
    def test_whoever_is_subscribed_is_told_at_once(self, store: RedisStore, end: str) -> None:
        claimed = begin(store, "order-1")
        told = threading.Semaphore(0)
        store.watch("order-1", told.release)
        assert told.acquire(timeout=SOON), "the subscription has begun"

        if end == "settled":
            store.fulfil(claimed.hold, 0, DONE)
        else:
            store.park(claimed.hold, "broken")

        assert told.acquire(timeout=SOON)

    def test_what_settled_before_the_subscription_began_is_not_missed(self, store: RedisStore) -> None:
        for number in range(20):
            store.create(external(f"p-{number}"))
        waiters = []
        for number in range(20):
            waiters.append(Waiter(store, f"p-{number}"))
            settle(store, f"p-{number}")

        assert all(waiter.done.wait(SOON) for waiter in waiters)

    def test_what_settled_while_the_connection_was_broken_is_not_missed(
        self, server: EmbeddedRedis, store: RedisStore
    ) -> None:
        store.create(external("a"))
        waiter = Waiter(store, "a")
        other = RedisStore(server.url, patience=5)

        server.restart()
        settle(other, "a")

        assert waiter.done.wait(SOON)
        other.close()

    def test_who_waits_is_told_again_after_the_connection_was_lost_without_a_word(
        self, server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As when a firewall forgot it: no end is told, and what is sent goes nowhere."""
        monkeypatch.setattr(watch, "QUIET_S", 0.3)
        told = threading.Semaphore(0)
        with Proxy(server.port, resets=False) as proxy, closing(RedisStore(by(proxy), patience=5)) as near:
            near.create(external("a"))
            near.watch("a", told.release)
            assert told.acquire(timeout=SOON), "the subscription has begun"

            proxy.set(Trouble.HALF_OPEN)
            proxy.set(Trouble.NONE)

            assert told.acquire(timeout=SOON)

    def test_a_quiet_connection_that_answers_is_kept(
        self, server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(watch, "QUIET_S", 0.1)
        told = threading.Semaphore(0)
        with Proxy(server.port) as proxy, closing(RedisStore(by(proxy), patience=5)) as near:
            near.create(external("a"))
            near.watch("a", told.release)
            assert told.acquire(timeout=SOON), "the subscription has begun"
            connections = proxy.connections

            with redis.Redis.from_url(server.url) as client:
                wait_until(lambda: client.info("commandstats")["cmdstat_subscribe"]["calls"] > 5, SOON, "signs")

            assert proxy.connections == connections

    def test_a_watch_begun_while_redis_is_away_works_once_it_is_back(
        self, server: EmbeddedRedis, store: RedisStore
    ) -> None:
        store.create(external("a"))
        store.create(external("b"))
        first = Waiter(store, "a")
        server.kill()
        second = Waiter(store, "b")
        server.start()

        settle(store, "a")
        settle(store, "b")

        assert first.done.wait(SOON)
        assert second.done.wait(SOON)

    def test_a_cut_connection_is_made_again(self, store: RedisStore) -> None:
        store.create(external("a"))
        waiter = Waiter(store, "a")
        client = store.connection.client
        for each in client.client_list(_type="pubsub"):
            client.client_kill_filter(_id=each["id"])

        settle(store, "a")

        assert waiter.done.wait(SOON)

    def test_a_watcher_that_fails_does_not_deafen_the_others(
        self, store: RedisStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        store.create(external("a"))
        store.watch("a", _fail)
        waiter = Waiter(store, "a")

        settle(store, "a")

        assert waiter.done.wait(SOON)
        assert "a watcher of dc:{0}:done:a failed" in caplog.text

    def test_all_watches_of_a_process_share_one_connection(self, store: RedisStore) -> None:
        for number in range(30):
            store.create(external(f"p-{number}"))
        waiters = [Waiter(store, f"p-{number}") for number in range(30)]
        for number in range(30):
            settle(store, f"p-{number}")

        assert all(waiter.done.wait(SOON) for waiter in waiters)
        assert len(store.connection.client.client_list(_type="pubsub")) == 1

    def test_what_nobody_waits_for_any_more_is_not_listened_for(self, store: RedisStore) -> None:
        store.create(external("a"))
        store.create(external("b"))
        ended, other = Waiter(store, "a"), Waiter(store, "b")
        ended.end()
        settle(store, "b")
        assert other.done.wait(SOON)

        channels = dict(store.connection.client.pubsub_numsub("dc:{0}:done:a", "dc:{0}:done:b"))

        assert channels == {"dc:{0}:done:a": 0, "dc:{0}:done:b": 1}


def _fail() -> None:
    raise RuntimeError("no")
