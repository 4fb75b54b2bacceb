"""What is done to the server, one function for each kind of trouble."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

from durable_celery import StoreFull
from durable_celery.dev import EmbeddedRedis
from durable_celery.newpromise import NewPromise
from durable_celery.stores import RedisStore
from tests.redis_chaos.workload import Workload

Fault = Callable[[EmbeddedRedis, Workload, random.Random], None]


def client_of(server: EmbeddedRedis) -> Any:
    return redis.Redis.from_url(server.url, decode_responses=True)


def kill(server: EmbeddedRedis, load: Workload, chance: random.Random) -> None:
    """SIGKILL, and up again."""
    server.kill()
    time.sleep(chance.uniform(0, 0.2))
    server.start()


def kill_while_rewriting(server: EmbeddedRedis, load: Workload, chance: random.Random) -> None:
    """SIGKILL while the append-only file is being rewritten."""
    client_of(server).bgrewriteaof()
    time.sleep(chance.uniform(0, 0.02))
    kill(server, load, chance)


def flush_scripts(server: EmbeddedRedis, load: Workload, chance: random.Random) -> None:
    """Every script is forgotten, several times in a row."""
    for _ in range(5):
        client_of(server).script_flush()
        time.sleep(chance.uniform(0, 0.05))


def fill_memory(server: EmbeddedRedis, load: Workload, chance: random.Random) -> None:
    """No memory is left for a while, and whoever starts something is told so."""
    client, hasty = client_of(server), RedisStore(server.url, patience=0.1)
    client.config_set("maxmemory", 1)
    try:
        hasty.create(NewPromise(id="one too many", function="whole"))
        load.errors.append("a full Redis accepted an execution")
    except StoreFull:
        load.ledger.refused += 1
    time.sleep(chance.uniform(0, 0.5))
    client.config_set("maxmemory", 0)
    hasty.close()


def fail_over(server: EmbeddedRedis, load: Workload, chance: random.Random) -> None:
    """It is a replica for a while: READONLY, or MASTERDOWN when it serves nothing stale."""
    client = client_of(server)
    client.config_set("replica-serve-stale-data", chance.choice(("yes", "no")))
    client.replicaof("127.0.0.1", "1")
    time.sleep(chance.uniform(0.1, 0.5))
    client.replicaof("NO", "ONE")
    client.config_set("replica-serve-stale-data", "yes")


#: None of these may lose anything that was acknowledged, with `appendfsync always`.
HARMLESS: tuple[Fault, ...] = (kill, kill_while_rewriting, flush_scripts, fail_over, fill_memory)


def cut_power(server: EmbeddedRedis, load: Workload, tail_s: float) -> tuple[int, int]:
    """The server and the last seconds of its file are gone; how many changes were acknowledged, and how many are left.

    The file is cut where it ended some time ago, as when a kernel had not written the rest to the disk.
    """
    before = _file(server)
    size = before.stat().st_size
    time.sleep(tail_s)
    server.kill()
    seen = max(tide.seen for tide in load.tides)
    after = _file(server)
    with after.open("r+b") as file:
        file.truncate(size if after == before else 0)
    load.ledger.restarts += 1
    server.start()
    return seen, int(client_of(server).get("dc:{0}:seq") or 0)


def _file(server: EmbeddedRedis) -> Path:
    """The part of the append-only file that is being written."""
    parts = (server.data / "appendonlydir").glob("*.incr.aof")
    return max(parts, key=lambda path: int(path.name.split(".")[-3]))
