"""What each level of durability costs: the same steps on servers that differ in nothing else, in turns.

Run it with `python benchmarks/durability.py`. The ratios are the figures to
quote; the times belong to the machine and above all to its disk. Beside the
store's steps stands a bare `SET` on the same server, in the same way.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from typing import Any

from durable_celery import RedisStore
from durable_celery.dev.server import EmbeddedRedis
from durable_celery.journal import Entry
from durable_celery.newpromise import NewPromise
from durable_celery.promise import Outcome, State
from durable_celery.store import Claimed

STEPS = 1000
ROUNDS = 5
#: What Redis is set to, and what the store asks of it.
LEVELS: tuple[tuple[Any, str], ...] = (("everysec", "relaxed"), ("always", "relaxed"), ("always", "strict"))
ENTRY = Entry(kind="run", name="step", state=State.RESOLVED, payload='"' + "x" * 80 + '"', started_at=1, ended_at=1)


def execution(store: RedisStore, promise_id: str) -> float:
    """Seconds for one execution of `STEPS` steps, from its creation to its result."""
    began = time.perf_counter()
    store.create(NewPromise(id=promise_id, function="body"))
    claimed = store.claim(promise_id, "bench/1", 10_000)
    assert isinstance(claimed, Claimed)
    for cursor in range(STEPS):
        store.checkpoint(claimed.hold, cursor, [(str(cursor + 1), ENTRY.encode())])
    store.fulfil(claimed.hold, STEPS, Outcome(State.RESOLVED, "1"))
    return time.perf_counter() - began


def bare(store: RedisStore) -> float:
    """Seconds for as many writes without anything around them."""
    client = store.connection.client
    began = time.perf_counter()
    for number in range(STEPS):
        client.set(f"bare-{number}", ENTRY.payload)
    return time.perf_counter() - began


def main() -> dict[str, float]:
    """Measure, print, and answer the microseconds per step of each level."""
    took: dict[str, list[float]] = {f"{durability}, appendfsync {fsync}": [] for fsync, durability in LEVELS}
    writes: dict[str, list[float]] = {name: [] for name in took}
    with contextlib.ExitStack() as servers:
        stores = {
            name: RedisStore(servers.enter_context(EmbeddedRedis(appendfsync=fsync)).url, durability=durability)
            for name, (fsync, durability) in zip(took, LEVELS, strict=True)
        }
        for turn in range(ROUNDS + 1):
            for name, store in stores.items():
                pair = execution(store, f"e-{turn}"), bare(store)
                if turn:  # the first one warms up
                    took[name].append(pair[0])
                    writes[name].append(pair[1])
    figures = {name: statistics.median(each) / STEPS * 1e6 for name, each in took.items()}
    base = next(iter(took.values()))
    print(f"{'level':32} {'us/step':>8} {'against the first':>18} {'us/bare SET':>12}")
    for name, each in took.items():
        ratio = statistics.median(one / first for one, first in zip(each, base, strict=True))
        print(f"{name:32} {figures[name]:8.0f} {ratio:18.2f} {statistics.median(writes[name]) / STEPS * 1e6:12.0f}")
    return figures


if __name__ == "__main__":
    main()
