"""`strict` durability: what is acknowledged is on Redis' disk, and a server that cannot show it is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from durable_celery import StoreUnavailable
from durable_celery.dev.child import wait_until
from durable_celery.dev.server import EmbeddedRedis
from durable_celery.errors import NotOnDisk, StoreMisconfigured
from durable_celery.settings import Durability, Settings
from durable_celery.store import Beat, Claimed
from durable_celery.stores import RedisStore
from durable_celery.stores.redis import disk
from tests.contract.stories import DONE, LEASE, MAX, begin, child, claim, every, execution, external, on, settle, spawn

PATIENCE = 0.25


@pytest.fixture
def store(server: EmbeddedRedis) -> Iterator[RedisStore]:
    made = RedisStore(server.url, durability="strict", patience=PATIENCE)
    yield made
    made.close()


def configure(store: RedisStore, **settings: str) -> None:
    for name, value in settings.items():
        store.connection.client.config_set(name, value)


class TestSetting:
    def test_relaxed_is_the_default_and_capitals_will_do(self) -> None:
        assert Settings.read({}).durability is Durability.RELAXED
        assert Settings.read({"DURABLE_DURABILITY": "Strict"}).durability is Durability.STRICT

    def test_another_word_is_refused(self) -> None:
        with pytest.raises(StoreMisconfigured, match="'strict' or 'relaxed', not 'paranoid'"):
            Settings.read({"durable_durability": "paranoid"})


class TestCheck:
    def test_appendfsync_always_is_accepted(self, store: RedisStore) -> None:
        store.check()

    def test_a_server_without_an_append_only_file_is_refused(self, store: RedisStore) -> None:
        configure(store, appendfsync="everysec", appendonly="no")

        with pytest.raises(StoreMisconfigured, match="`appendonly yes` and `appendfsync always`"):
            store.check()

    def test_a_server_that_never_syncs_is_refused(self, store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(disk, "_PROBE_MS", 200)
        configure(store, appendfsync="no")

        with pytest.raises(StoreMisconfigured, match=r"not on this Redis' disk after 0\.2 s"):
            store.check()

    def test_every_second_is_accepted_where_waitaof_really_waits(
        self, store: RedisStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waits = iter([0.2, 0.98])
        monkeypatch.setattr(disk, "_wait_s", lambda *_: next(waits))
        configure(store, appendfsync="everysec")

        store.check()

    def test_every_second_is_refused_where_waitaof_answers_at_once(
        self, store: RedisStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Several releases do: redis/redis#13793."""
        waits = iter([0.9, 0.0003])
        monkeypatch.setattr(disk, "_wait_s", lambda *_: next(waits))
        configure(store, appendfsync="everysec")

        with pytest.raises(StoreMisconfigured, match="WAITAOF of this Redis answers before its disk has the write"):
            store.check()

    @pytest.mark.parametrize(
        ("commands", "accepted"), [("-waitaof", True), ("-config", False), ("-waitaof -config", False)]
    )
    def test_what_it_cannot_show_is_refused(
        self, store: RedisStore, server: EmbeddedRedis, commands: str, accepted: bool
    ) -> None:
        """A Redis before 7.2 has no WAITAOF, and a managed one no CONFIG: with `always` known, that is enough."""
        store.connection.client.acl_setuser(
            "shy", enabled=True, passwords=["+p"], keys=["*"], channels=["*"], commands=["+@all", *commands.split()]
        )
        shy = RedisStore(server.url.replace("redis://", "redis://shy:p@"), durability="strict")

        if accepted:
            shy.check()
            assert shy.create(execution("order-1")).fresh
            assert shy.create(execution("order-2")).fresh
        else:
            with pytest.raises(StoreMisconfigured, match="durable_durability = 'relaxed'"):
                shy.check()
        shy.close()


RELIED_ON: dict[str, Callable[[RedisStore, Claimed], Any]] = {
    "create": lambda store, _: store.create(execution("new")),
    "claim": lambda store, _: store.claim("ready", "node/1", LEASE),
    "checkpoint": lambda store, held: store.checkpoint(held.hold, 1, [("2", "two")]),
    "spawn": lambda store, held: spawn(store, held.hold, 1, "2", ">", child("held.2")),
    "suspend": lambda store, held: store.suspend(held.hold, 1, [every(on("2", "approval"))]),
    "fulfil": lambda store, held: store.fulfil(held.hold, 1, DONE),
    "settle": lambda store, _: settle(store, "approval"),
    "cancel": lambda store, _: store.cancel("held", 5000),
    "heed": lambda store, held: (store.cancel("held", 5000), store.heed(held.hold, 1)),
    "park": lambda store, held: store.park(held.hold, "broken"),
    "resume": lambda store, _: store.resume("ready"),
    "a settled promise": lambda store, _: store.get("settled"),
    "a state": lambda store, _: store.state("Counter/k"),
}


@pytest.fixture
def held(store: RedisStore) -> Claimed:
    """Some work in progress."""
    for new in (external("approval"), external("settled"), execution("ready")):
        store.create(new)
    settle(store, "settled")
    held = begin(store, "held")
    store.checkpoint(held.hold, 0, [("1", "one")])
    return held


class TestWaiting:
    @pytest.mark.parametrize("verb", RELIED_ON.values(), ids=RELIED_ON)
    def test_it_is_not_acknowledged_before_the_disk_has_it(
        self, store: RedisStore, held: Claimed, verb: Callable[[RedisStore, Claimed], Any]
    ) -> None:
        configure(store, appendfsync="no")

        with pytest.raises(NotOnDisk, match="with the same id"):
            verb(store, held)

    def test_what_nobody_relies_on_does_not_wait(self, store: RedisStore, held: Claimed) -> None:
        configure(store, appendfsync="no")

        store.beat([Beat(held.hold)])
        store.sweep(MAX)
        store.get("held")
        store.search()
        store.release(held.hold)

    def test_a_verb_is_one_round_trip_with_its_question(self, store: RedisStore, held: Claimed) -> None:
        client: Any = store.connection.client
        client.config_resetstat()
        before = client.info("stats")["total_reads_processed"]

        for number in range(1, 11):
            store.checkpoint(held.hold, number, [(f"{number + 1}", "x")])

        stats = client.info("commandstats")
        assert (stats["cmdstat_evalsha"]["calls"], stats["cmdstat_waitaof"]["calls"]) == (10, 10)
        assert client.info("stats")["total_reads_processed"] - before <= 12

    def test_a_repeated_call_waits_for_the_disk_too_although_it_writes_nothing(
        self, store: RedisStore, held: Claimed
    ) -> None:
        configure(store, appendfsync="no")
        entries = [("2", "two")]
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                store.checkpoint(held.hold, 1, entries)

        configure(store, appendfsync="always")
        store.checkpoint(held.hold, 1, entries)

        assert store.read("held")[1] == {"1": "one", "2": "two"}

    def test_relaxed_waits_for_nothing(self, server: EmbeddedRedis, store: RedisStore) -> None:
        relaxed = RedisStore(server.url, patience=PATIENCE)
        configure(store, appendfsync="no")

        relaxed.create(execution("order-1"))
        relaxed.fulfil(claim(relaxed, "order-1").hold, 0, DONE)
        assert relaxed.get("order-1").status == "succeeded"
        relaxed.close()

    def test_a_server_whose_append_only_file_is_switched_off_later_is_noticed(
        self, store: RedisStore, held: Claimed
    ) -> None:
        configure(store, appendonly="no")

        with pytest.raises(StoreMisconfigured, match="appendonly yes"):
            store.checkpoint(held.hold, 1, [("2", "two")])

    def test_a_failover_while_it_waits_is_waited_out(self, store: RedisStore) -> None:
        configure(store, appendfsync="no")
        patient, client = store.patient(20), store.connection.client
        created: list[bool] = []
        waiting = threading.Thread(target=lambda: created.append(patient.create(execution("order-1")).fresh))
        waiting.start()
        wait_until(lambda: client.info("clients")["blocked_clients"], 10)

        client.replicaof("127.0.0.1", "1")
        configure(store, appendfsync="always")
        client.replicaof("NO", "ONE")
        waiting.join(10)

        assert created == [True]
        patient.close()
