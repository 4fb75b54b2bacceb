"""What RedisStore asks of Redis: one round trip a verb, one slot, little memory; and that it bears a fork."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator

import pytest

from durable_celery.dev.server import EmbeddedRedis
from durable_celery.store import Beat
from durable_celery.stores import RedisStore
from tests.contract.stories import DONE, MAX, begin, child, claim, every, execution, external, finish, on, settle, spawn


@pytest.fixture
def store(server: EmbeddedRedis) -> Iterator[RedisStore]:
    made = RedisStore(server.url)
    yield made
    made.close()


class TestCost:
    def test_every_verb_is_one_round_trip(self, store: RedisStore) -> None:
        _one_of_everything(store, "warm")
        client = store.connection.client
        client.config_resetstat()

        calls = _one_of_everything(store, "counted")

        stats = client.info("commandstats")
        assert stats["cmdstat_evalsha"]["calls"] == calls
        assert "cmdstat_eval" not in stats

    def test_every_key_is_in_the_partitions_slot(self, store: RedisStore) -> None:
        _one_of_everything(store, "order")

        keys = [str(key) for key in store.connection.client.scan_iter()]

        assert keys
        assert all(key.startswith("dc:{0}:") for key in keys)

    def test_a_trees_index_stays_while_anyone_in_it_is_pending(self, store: RedisStore) -> None:
        root = begin(store, "root")
        for number in (1, 2):
            spawn(store, root.hold, number - 1, str(number), ">", child(f"root.{number}"))
        client = store.connection.client

        store.fulfil(root.hold, 2, DONE)
        finish(store, "root.1")
        while_pending = client.pttl(store.prefix + "t:root")
        finish(store, "root.2")

        assert while_pending == -1
        assert client.pttl(store.prefix + "t:root") > 0

    def test_stores_with_other_prefixes_share_a_server(self, server: EmbeddedRedis, store: RedisStore) -> None:
        other = RedisStore(server.url, key_prefix="other")
        store.create(execution("order-1"))

        assert other.create(execution("order-1", digest="d2")).fresh
        assert store.get("order-1").digest == "d1"
        other.close()

    def test_a_suspended_execution_takes_less_than_half_a_kilobyte(self, store: RedisStore) -> None:
        """With short arguments; from 64 bytes on Redis keeps a record in a form about 900 bytes larger."""
        store.create(external("approval"))
        claimed = begin(store, "order-1", args='[["' + 40 * "x" + '"],{}]')
        store.suspend(claimed.hold, 0, [every(on("1", "approval"))])

        client = store.connection.client
        bytes_used = sum(client.memory_usage(store.prefix + key) or 0 for key in ("r:order-1", "cb:approval"))

        assert bytes_used < 512


class TestFork:
    def test_a_forked_process_uses_and_watches_the_store_by_itself(self, store: RedisStore) -> None:
        store.create(external("a"))
        store.create(external("b"))
        told = threading.Event()
        end = store.watch("a", told.set)
        reading, writing = os.pipe()

        child_pid = os.fork()
        if child_pid == 0:
            try:
                os.write(writing, _in_the_child(store, end))
            finally:
                os._exit(0)
        os.close(writing)
        answer = os.read(reading, 100)
        os.waitpid(child_pid, 0)

        assert answer == b"told"
        assert store.get("b").status == "succeeded"
        told.clear()
        settle(store, "a")
        assert told.wait(5), "the parent's own watch goes on"
        end()


def _in_the_child(store: RedisStore, end: Callable[[], None]) -> bytes:
    told = threading.Event()
    store.watch("b", lambda: told.set() if store.get("b").state.settled else None)
    settle(store, "b")
    heard = told.wait(5)
    end()
    store.close()
    return b"told" if heard else b"not told"


def _one_of_everything(store: RedisStore, name: str) -> int:
    """Call every verb once or more; how many calls that were."""
    store.create(execution(name))
    claimed = claim(store, name)
    store.checkpoint(claimed.hold, 0, [("1", "one")])
    spawn(store, claimed.hold, 1, "2", ">", external(f"{name}.2", parent=name, tree=name, timeout_ms=60_000))
    store.beat([Beat(claimed.hold, "2 0 run step")])
    store.suspend(claimed.hold, 2, [every(on("2", f"{name}.2"))])
    settle(store, f"{name}.2")
    store.sweep(MAX)
    store.release(claim(store, name).hold)
    store.park(claim(store, name).hold, "broken")
    store.resume(name)
    store.crashed(name, "node/1", MAX, "killed")
    store.lapse("node", MAX, "gone")
    store.fulfil(claim(store, name).hold, 2, DONE)
    store.mirrored([name])
    store.cancel(name)
    store.read(name)
    store.get(name)
    store.search(prefix=name)
    store.census()
    return 23
