"""What is different on a Redis Cluster: the keys may move, and a node may be away while the others are not."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from durable_celery import Durable
from durable_celery.dev.child import wait_until
from durable_celery.errors import StoreMisconfigured, StoreUnavailable
from durable_celery.stores import RedisStore
from tests.cluster import SLOT, TestCluster
from tests.contract.stories import DONE, begin, claim, execution, external, finish, settle

SOON = 15


@pytest.fixture
def store(cluster_url: str) -> Iterator[RedisStore]:
    made = RedisStore(cluster_url, patience=SOON)
    yield made
    made.close()


class TestMovedKeys:
    def test_the_new_node_is_found(self, redis_cluster: TestCluster, store: RedisStore) -> None:
        claimed = begin(store, "order-1")
        store.checkpoint(claimed.hold, 0, [("1", "entry")])

        redis_cluster.carry(redis_cluster.other())

        store.fulfil(claimed.hold, 1, DONE)
        assert store.get("order-1").value == DONE.value
        assert store.rollbacks == 0

    def test_halfway_nothing_is_written_on_either_node_and_then_the_call_goes_through(
        self, redis_cluster: TestCluster, store: RedisStore
    ) -> None:
        """A script that followed the ASK would count from nothing, and what it wrote would be written over."""
        for number in range(10):
            store.create(execution(f"order-{number}"))
        hasty, late = store.patient(0.2), threading.Thread(target=lambda: store.create(execution("late")))
        counts: list[int] = []

        def count() -> None:
            counts.append(sum(int(node.ask("CLUSTER", "COUNTKEYSINSLOT", SLOT)) for node in redis_cluster.nodes))

        def halfway() -> None:
            count()
            for call in (
                lambda: hasty.create(execution("new")),
                lambda: hasty.claim("order-1", "node/1", 1_000),
                lambda: hasty.sweep(3),
                lambda: hasty.census(),
                lambda: hasty.state("o"),
            ):
                with pytest.raises(StoreUnavailable, match="carried"):
                    call()
            late.start()
            count()

        redis_cluster.carry(redis_cluster.other(), halfway)
        late.join()

        assert counts[0] == counts[1] > 10
        assert store.census().pending == {"order": 11}
        assert [claim(store, f"order-{number}").cursor for number in range(10)] == [0] * 10
        hasty.close()

    def test_executions_that_run_meanwhile_lose_and_repeat_nothing(
        self, redis_cluster: TestCluster, cluster_url: str
    ) -> None:
        durable, done = Durable(store=RedisStore(cluster_url)), threading.Event()
        begun: Counter[str] = Counter()
        results: dict[str, int] = {}

        def step(label: str) -> int:
            begun[label] += 1
            return 1

        @durable.register
        def count(ctx, name):  # type: ignore[no-untyped-def]
            total = 0
            for number in range(3):
                total += yield ctx.run(step, f"{name} {number}")
            return total

        def keep_on(who: int) -> None:
            number = 0
            while not done.is_set():
                name = f"{who}-{number}"
                try:
                    results[name] = durable.run(name, count, name).result(timeout=60)
                except StoreUnavailable:
                    continue  # the same id again
                number += 1

        threads = [threading.Thread(target=keep_on, args=(who,)) for who in range(3)]
        for thread in threads:
            thread.start()
        for lap in range(1, 4):
            assert wait_until(lambda: len(results) >= 5 * lap, SOON)  # noqa: B023 - called at once
            redis_cluster.carry(redis_cluster.other())
        done.set()
        for thread in threads:
            thread.join()

        assert set(results.values()) == {3}
        assert {durable.get(name).result(timeout=5) for name in results} == {3}
        assert set(begun.values()) == {1}
        assert len(begun) == 3 * len(results)
        durable.close()

    def test_hints_are_heard_wherever_one_listens(self, redis_cluster: TestCluster, store: RedisStore) -> None:
        store.create(external("p"))
        told = threading.Semaphore(0)
        store.watch("p", told.release)
        assert told.acquire(timeout=SOON), "the subscription has begun"

        redis_cluster.carry(redis_cluster.other())
        settle(store, "p")

        assert told.acquire(timeout=SOON)

    def test_workers_that_listen_at_different_nodes_see_each_other(
        self, redis_cluster: TestCluster, cluster_url: str
    ) -> None:
        stores = RedisStore(cluster_url), RedisStore(cluster_url)
        early, late = stores[0].presence("early"), stores[1].presence("late")
        early.attend()
        redis_cluster.carry(redis_cluster.other())
        late.attend()

        assert [late.gone() for _ in range(3)] == [[]] * 3

        early.leave()
        late.leave()
        for each in stores:
            each.close()


class TestTrouble:
    def test_a_node_that_was_away_is_found_again(self, redis_cluster: TestCluster, store: RedisStore) -> None:
        store.create(execution("order-1"))
        owner, hasty = redis_cluster.owner(), store.patient(0.2)

        owner.kill()
        with pytest.raises(StoreUnavailable):
            hasty.get("order-1")
        owner.start()

        finish(store, "order-1")
        assert store.get("order-1").state.settled
        hasty.close()

    def test_any_node_leads_to_the_others(self, redis_cluster: TestCluster) -> None:
        for node in redis_cluster.nodes:
            store = RedisStore(f"redis+cluster://127.0.0.1:{node.port}", patience=SOON)
            store.check()
            store.close()

    def test_the_plain_address_of_one_node_is_refused(self, redis_cluster: TestCluster) -> None:
        store = RedisStore(redis_cluster.other().url, patience=1)

        with pytest.raises(StoreMisconfigured, match=r"redis\+cluster://"):
            store.create(execution("order-1"))
        store.close()

    def test_a_single_server_is_no_cluster(self, redis_url: str) -> None:
        store = RedisStore(redis_url.replace("redis://", "redis+cluster://").removesuffix("/0"), patience=1)

        with pytest.raises(StoreMisconfigured, match="redis://"):
            store.check()
        store.close()

    def test_where_no_node_answers_the_store_is_unavailable(self) -> None:
        store = RedisStore("redis+cluster://127.0.0.1:1,127.0.0.1:2", patience=0.1)

        with pytest.raises(StoreUnavailable):
            store.get("order-1")
        store.close()
