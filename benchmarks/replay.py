"""What a replay costs: the time to read and pass a journal again, by its length.

Run it with `make bench`, or `python benchmarks/replay.py [redis-url]`; without a
URL it starts a server of its own. Each execution records its steps and is then
woken by a promise, so that one attempt replays them all.
"""

from __future__ import annotations

import statistics
import sys
import time

from durable_celery import Context, RedisStore
from durable_celery.dev.server import EmbeddedRedis
from durable_celery.engine import Departure, Engine
from durable_celery.promise import State
from durable_celery.registry import Options, Registered
from durable_celery.settings import DEFAULT_MAX_ENTRIES

try:
    from benchmarks.steps import make_engine, step
except ModuleNotFoundError:  # run as a file
    from steps import make_engine, step  # type: ignore[import-not-found, no-redef]

LENGTHS = (100, 1000, DEFAULT_MAX_ENTRIES - 1)
ROUNDS = 3


def remembers(ctx: Context, steps: int, gate: str) -> int:
    for _ in range(steps):
        ctx.run(step).get()
    ctx.promise(id=gate).get()
    return steps


def replay_s(store: RedisStore, engine: Engine, promise_id: str) -> float:
    """Seconds of the attempt that replays everything and settles."""
    assert engine.attempt(promise_id, "bench/1").departure is Departure.SUSPENDED
    store.settle(f"gate-{promise_id}", State.RESOLVED, "")
    began = time.perf_counter()
    assert engine.attempt(promise_id, "bench/1").departure is Departure.SETTLED
    return time.perf_counter() - began


def main(url: str | None = None) -> dict[str, float]:
    """Measure, print, and answer the figures."""
    if url is None:
        with EmbeddedRedis() as server:
            return main(server.url)
    store = RedisStore(url, patience=30)
    engine, starter = make_engine(store)
    engine.registry.add(Registered("remembers", 1, remembers))
    us_per_entry: dict[int, float] = {}
    for length in LENGTHS:
        took = []
        for turn in range(ROUNDS):
            promise_id = f"replay-{length}-{turn}-{time.time_ns()}"
            starter.record(promise_id, "remembers", 1, (length, f"gate-{promise_id}"), {}, Options())
            took.append(replay_s(store, engine, promise_id))
        us_per_entry[length] = statistics.median(took) / length * 1e6
        print(f"{length:6,} entries: {statistics.median(took) * 1000:7.1f} ms, {us_per_entry[length]:.1f} us an entry")
    ratio = us_per_entry[LENGTHS[-1]] / us_per_entry[LENGTHS[1]]
    print(f"an entry costs {ratio:.2f} times as much in the longest journal as in one of {LENGTHS[1]:,}")
    return {f"us_per_entry_{length}": cost for length, cost in us_per_entry.items()} | {"ratio": ratio}


if __name__ == "__main__":
    main(*sys.argv[1:2])
