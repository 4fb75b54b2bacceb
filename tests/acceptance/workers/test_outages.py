"""The broker is emptied, Redis is killed, Redis comes late: workers go on by themselves and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from durable_celery import Handle, StoreUnavailable
from durable_celery.dev import EmbeddedRedis
from tests.acceptance.workers.fleet import Fleet
from tests.acceptance.workers.waiting import wait_until

DOWN_S = 3.0


@pytest.fixture
def store() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(appendfsync="always") as server:
        yield server


@pytest.fixture
def broker() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(appendfsync="always") as server:
        yield server


@pytest.fixture
def fleet(tmp_path: Path, broker: EmbeddedRedis, store: EmbeddedRedis) -> Iterator[Fleet]:
    """Workers on servers of their own, not started yet."""
    made = Fleet(tmp_path, broker.url, store.url)
    yield made
    made.close()


@pytest.fixture
def single(tmp_path: Path, store: EmbeddedRedis) -> Iterator[Fleet]:
    """The same with one server for everything, as most people have it."""
    made = Fleet(tmp_path, store.url, store.url)
    yield made
    made.close()


def all_kinds(fleet: Fleet) -> list[tuple[Handle[Any], str]]:
    """Executions at work, asleep, waiting for a child, and queued behind them; with the gate of each, if it has one."""
    started = [
        (fleet.durable.run(f"running-{n}", "walk_plain", 2, f"running-{n}", 2), f"running-{n}") for n in range(3)
    ]
    for handle, _ in started:
        fleet.caught(handle.id, f"{handle.id}.3")
    asleep = fleet.durable.run("asleep", "naps", 2.5)
    fleet.suspended(asleep)
    parent = fleet.durable.run("parent", "plus_async", 1, 2, "parent")
    fleet.caught("parent", "parent.3")  # the last free process is taken
    return [
        *started,
        (asleep, ""),
        (parent, "parent"),
        *((fleet.durable.run(f"queued-{n}", "naps", 0.1), "") for n in range(10)),
    ]


def finish(fleet: Fleet, started: list[tuple[Handle[Any], str]]) -> None:
    """Everything ends as it should have, and nothing that was recorded was executed again."""
    for _, gate in started:
        if gate:
            fleet.open(gate)
    for handle, _ in started:
        value = handle.result(40)
        if handle.id == "parent":
            assert value == 3
        else:
            assert value == list(fleet.ledger.last_runs(handle.id).values())
        assert fleet.ledger.repeated(handle.id) == set()
        fleet.shows(handle.id, "SUCCESS")


def test_an_emptied_broker_loses_nothing(fleet: Fleet, broker: EmbeddedRedis) -> None:
    fleet.start("one", "two")
    started = all_kinds(fleet)
    assert fleet.queued() > 0

    redis.Redis.from_url(broker.url).flushall()

    finish(fleet, started)


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_a_killed_store_delays_and_loses_nothing(fleet: Fleet, store: EmbeddedRedis, pool: str) -> None:
    fleet.start("one", "two", pool=pool)
    started = all_kinds(fleet)

    store.kill()
    fleet.open("running-0")  # its step ends now, and has nowhere to be recorded
    wait_until(lambda: fleet.ledger.count("running-0.3", "done"), 20, "a step to end meanwhile")
    refused_after = timed(lambda: started[0][0].promise())
    outage(store)

    finish(fleet, started)
    assert 1.5 < refused_after < 4


def test_a_redis_that_is_everything_may_be_killed_too(single: Fleet, store: EmbeddedRedis) -> None:
    single.start("one", "two")
    started = all_kinds(single)

    store.kill()
    outage(store)

    finish(single, started)


def outage(server: EmbeddedRedis) -> None:
    """Some seconds without it: their length is the point."""
    time.sleep(DOWN_S)
    server.start()


def timed(call: Callable[[], object]) -> float:
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        call()
    return time.monotonic() - began


def test_a_worker_that_was_started_without_redis_comes_up_with_it(single: Fleet, store: EmbeddedRedis) -> None:
    store.kill()
    (worker,) = single.start("one", wait=False)
    wait_until(lambda: worker.says("Cannot connect to"), 30, "the worker to try")
    assert worker.alive

    store.start()

    worker.ready()
    assert single.durable.run("late", "plus_async", 1, 2).result(20) == 3


def test_workers_started_without_their_store_are_present_once_it_is_there(fleet: Fleet, store: EmbeddedRedis) -> None:
    store.kill()
    workers = fleet.start("one", "two")
    assert all(worker.says("the store cannot be reached yet") for worker in workers)
    store.start()
    wait_until(lambda: fleet.redis.zcard("dc:{0}:workers") == 2, 20, "both workers to be present")

    fleet.durable.run("missed", "walk_plain", 1, "missed", 1)
    holder = fleet.caught("missed", "missed.2")
    killed_at = time.time()
    fleet.workers[holder.worker].kill()
    taken_over = fleet.started_after("missed", killed_at)

    fleet.open("missed")
    assert len(fleet.durable.get("missed").result(20)) == 3
    assert taken_over.at - killed_at < 4, "that was the lease, not presence"
