"""RedisStore when Redis is away, slow, full or failing over: bounded waits, clear words, nothing lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import redis
from redis.exceptions import OutOfMemoryError, ResponseError

from durable_celery.dev.server import EmbeddedRedis
from durable_celery.errors import StoreFull, StoreMisconfigured, StoreUnavailable
from durable_celery.store import Claimed
from durable_celery.stores import RedisStore
from durable_celery.stores.redis.connection import Connection
from tests.contract.stories import (
    DONE,
    LEASE,
    begin,
    child,
    claim,
    every,
    execution,
    external,
    on,
    settle,
    spawn,
)

PATIENCE = 0.4
#: What a machine that has other work to do may add.
SLACK = 0.8


@pytest.fixture
def store(server: EmbeddedRedis) -> Iterator[RedisStore]:
    made = RedisStore(server.url, patience=PATIENCE)
    yield made
    made.close()


@contextmanager
def bounded(patience: float = PATIENCE) -> Iterator[None]:
    """The call inside gives up when its patience is over, not before and not much later."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="try again"):
        yield
    assert 0.5 * patience <= time.monotonic() - began <= patience + SLACK


class TestAway:
    def test_a_stopped_server_is_unavailable_after_a_bounded_wait(
        self, server: EmbeddedRedis, store: RedisStore
    ) -> None:
        store.create(execution("order-1"))
        server.kill()

        with bounded():
            store.get("order-1")
        with bounded():
            store.create(execution("order-2"))

    def test_a_server_that_never_was_is_unavailable_too(self, server: EmbeddedRedis) -> None:
        url = server.url
        server.stop()

        with bounded():
            RedisStore(url, patience=PATIENCE).check()

    def test_a_frozen_server_is_unavailable_after_a_bounded_wait(
        self, server: EmbeddedRedis, store: RedisStore
    ) -> None:
        store.create(execution("order-1"))
        server.pause()

        with bounded():
            store.get("order-1")
        with bounded():
            RedisStore(server.url, patience=PATIENCE).get("order-1")
        server.resume()

    def test_two_seconds_are_the_default(self, server: EmbeddedRedis) -> None:
        server.pause()

        with bounded(2.0):
            RedisStore(server.url).get("order-1")
        server.resume()

    def test_watching_a_frozen_server_does_not_wait_at_all(self, server: EmbeddedRedis, store: RedisStore) -> None:
        server.pause()
        began = time.monotonic()

        end = store.watch("order-1", lambda: None)
        end()

        assert time.monotonic() - began < 0.2
        server.resume()

    def test_a_server_that_comes_back_in_time_is_not_noticed(self, server: EmbeddedRedis, store: RedisStore) -> None:
        claimed = begin(store, "order-1")
        patient = store.patient(20)
        server.kill()
        back = threading.Timer(0.3, server.start)
        back.start()

        patient.checkpoint(claimed.hold, 0, [("1", "one")])

        back.join()
        assert store.read("order-1")[1] == {"1": "one"}
        patient.close()

    def test_without_a_bound_it_waits_for_as_long_as_it_takes(self, server: EmbeddedRedis) -> None:
        store = RedisStore(server.url, patience=None)
        store.create(execution("order-1"))
        server.kill()
        back = threading.Timer(3 * PATIENCE, server.start)
        back.start()

        assert store.get("order-1").status == "queued"

        back.join()
        store.close()

    def test_a_frozen_server_that_goes_on_has_done_what_it_was_told_once(
        self, server: EmbeddedRedis, store: RedisStore
    ) -> None:
        claimed = begin(store, "order-1")
        server.pause()
        threading.Timer(0.6, server.resume).start()
        patient = RedisStore(server.url, patience=None)
        patient.connection.client.connection_pool.connection_kwargs["socket_timeout"] = 0.1

        patient.checkpoint(claimed.hold, 0, [("1", "one")])

        again = _again(store, claimed)
        assert (again.cursor, again.journal) == (1, {"1": "one"})
        patient.close()

    def test_scripts_that_the_server_forgot_are_sent_again(self, store: RedisStore) -> None:
        claimed = begin(store, "order-1")

        store.connection.client.script_flush()

        store.checkpoint(claimed.hold, 0, [("1", "one")])
        assert store.read("order-1")[1] == {"1": "one"}


class TestFailover:
    def test_a_replica_is_waited_out_until_it_is_the_master(self, server: EmbeddedRedis, store: RedisStore) -> None:
        store.create(execution("order-1"))
        client = store.connection.client
        client.replicaof("127.0.0.1", "1")

        with bounded():
            store.create(execution("order-2"))
        promoted = threading.Timer(0.3, client.replicaof, ["NO", "ONE"])
        promoted.start()
        store.patient(20).create(execution("order-2"))

        promoted.join()
        assert store.get("order-2").status == "queued"

    @pytest.mark.parametrize(
        "reply",
        [
            "LOADING Redis is loading the dataset in memory",
            "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
            "NOREPLICAS Not enough good replicas to write.",
            "BUSY Redis is busy running a script.",
            "Error running script (call to f_1): @user_script:9: @user_script: 9: -READONLY You can't write against a",
        ],
    )
    def test_refusals_that_pass_are_waited_out(self, store: RedisStore, reply: str) -> None:
        answers = iter([ResponseError(reply), ResponseError(reply), None])

        assert store.connection.patiently(_replies(answers)) == "done"

    def test_a_mistake_of_ours_is_not_waited_out(self, store: RedisStore) -> None:
        answers = iter([ResponseError("wrong number of arguments"), None])

        with pytest.raises(ResponseError):
            store.connection.patiently(_replies(answers))


class TestFull:
    @pytest.fixture
    def held(self, store: RedisStore) -> Claimed:
        """Some work in progress on a server that is then full."""
        store.create(external("approval"))
        store.create(execution("ready"))
        held = begin(store, "held")
        store.checkpoint(held.hold, 0, [("1", "one")])
        store.connection.client.config_set("maxmemory", 1)
        return held

    @pytest.mark.parametrize(
        "verb",
        [
            lambda store, _: store.create(execution("new")),
            lambda store, _: store.claim("ready", "node/1", LEASE),
            lambda store, held: store.checkpoint(held.hold, 1, [("2", "two")]),
            lambda store, held: spawn(store, held.hold, 1, "2", ">", child("held.2")),
            lambda store, held: store.fulfil(held.hold, 1, DONE, [("2", "two")]),
            lambda store, _: settle(store, "approval"),
        ],
        ids=["create", "claim", "checkpoint", "spawn", "fulfil", "settle"],
    )
    def test_a_full_server_refuses_a_verb_as_a_whole(
        self, store: RedisStore, held: Claimed, verb: Callable[[RedisStore, Claimed], object]
    ) -> None:
        before = [store.read(name) for name in ("approval", "ready", "held")]

        with pytest.raises(StoreFull, match="maxmemory"):
            verb(store, held)

        assert [store.read(name) for name in ("approval", "ready", "held")] == before
        store.connection.client.config_set("maxmemory", 0)
        verb(store, held)

    def test_a_verb_that_gives_memory_back_is_done_as_a_whole(self, store: RedisStore, held: Claimed) -> None:
        store.suspend(held.hold, 1, [every(on("2", "approval"))])
        store.connection.client.config_set("maxmemory", 0)

        assert settle(store, "approval") == ["held"]

    def test_before_redis_7_a_script_meets_it_in_other_words(self, store: RedisStore) -> None:
        text = (
            "Error running script (call to f_1): @user_script:9: @user_script: 9: "
            "-OOM command not allowed when used memory > 'maxmemory'."
        )

        with pytest.raises(StoreFull):
            Connection(store.connection.client, 0.05).patiently(_replies(iter([ResponseError(text)] * 9)))
        with pytest.raises(StoreFull):
            Connection(store.connection.client, 0.05).patiently(_replies(iter([OutOfMemoryError("full")] * 9)))


class TestRefused:
    def test_a_wrong_password_is_said_at_once(self, server: EmbeddedRedis, store: RedisStore) -> None:
        store.connection.client.config_set("requirepass", "secret")
        wrong = server.url.replace("redis://", "redis://:wrong@")
        began = time.monotonic()

        for url in (server.url, wrong):
            with pytest.raises(StoreMisconfigured, match="password"):
                RedisStore(url, patience=None).get("order-1")

        assert time.monotonic() - began < SLACK

    def test_a_client_that_answers_bytes_is_refused(self, server: EmbeddedRedis) -> None:
        with pytest.raises(StoreMisconfigured, match="decode_responses=True"):
            RedisStore(redis.Redis.from_url(server.url))


def _again(store: RedisStore, claimed: Claimed) -> Claimed:
    store.release(claimed.hold)
    return claim(store, claimed.hold.id)


def _replies(answers: Iterator[Exception | None]) -> Callable[[], str]:
    def call() -> str:
        error = next(answers)
        if error is not None:
            raise error
        return "done"

    return call
