"""What a local step costs: round trips counted by the server, and speed beside a bare loop of the same script.

Run it with `make bench`, or `python benchmarks/steps.py [redis-url]`; without a
URL it starts a server of its own. Both sides run in one process, one after the
other in turns, on the same server and the same payload; the ratio is the figure
to quote, the absolute ones belong to the machine.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable

import redis

from durable_celery import Context, RedisStore
from durable_celery.clock import SystemClock
from durable_celery.codec import Codec
from durable_celery.dev.server import EmbeddedRedis
from durable_celery.engine import Departure, Engine
from durable_celery.journal import Entry
from durable_celery.lease import Keeper
from durable_celery.newpromise import NewPromise
from durable_celery.promise import State
from durable_celery.registry import Options, Registered, Registry
from durable_celery.settings import Settings
from durable_celery.start import Starter
from durable_celery.store import Claimed

STEPS = 2000
ROUNDS = 5
VALUE = {"row": 1, "note": "x" * 80}


def step() -> dict[str, object]:
    return VALUE


def body(ctx: Context, steps: int) -> int:
    for _ in range(steps):
        ctx.run(step).get()
    return steps


def make_engine(store: RedisStore) -> tuple[Engine, Starter]:
    registry, codec, clock = Registry(), Codec(), SystemClock()
    registry.add(Registered("body", 1, body))
    engine = Engine(
        store=store,
        codec=codec,
        registry=registry,
        keeper=Keeper(store, clock),
        clock=clock,
        publish=lambda ready: None,
        lease_ms=10_000,
    )
    starter = Starter(
        registry=registry,
        codec=codec,
        settings=Settings,
        store=lambda: store,
        publish=lambda ready: None,
        mirror=False,
    )
    return engine, starter


def with_the_engine(store: RedisStore, promise_id: str, steps: int) -> float:
    """Seconds for the attempt at an execution of `steps` local steps."""
    engine, starter = make_engine(store)
    starter.record(promise_id, "body", 1, (steps,), {}, Options())
    began = time.perf_counter()
    left = engine.attempt(promise_id, "bench/1")
    took = time.perf_counter() - began
    assert left.departure is Departure.SETTLED, left
    return took


def with_a_bare_loop(store: RedisStore, promise_id: str, steps: int) -> float:
    """Seconds for `steps` EVALSHA calls of the checkpoint script, and nothing around them."""
    from durable_celery.stores.redis import scripts  # noqa: PLC0415

    store.create(NewPromise(id=promise_id, function="body"))
    claimed = store.claim(promise_id, "bench/1", 10_000)
    assert isinstance(claimed, Claimed)
    payload = json.dumps(VALUE, separators=(",", ":"))
    entry = Entry(kind="run", name="step", state=State.RESOLVED, payload=payload, started_at=1, ended_at=1).encode()
    sha, key, evalsha = scripts.load("checkpoint").sha, store.prefix, store.connection.client.evalsha
    began = time.perf_counter()
    for cursor in range(steps):
        answer = evalsha(sha, 1, key, 0, promise_id, claimed.hold.token, cursor, 10_000, 1, cursor + 1, entry)
        assert answer[1][0] == "OK"
    return time.perf_counter() - began


def scripts_run(client: redis.Redis, call: Callable[[], object]) -> int:
    """How many scripts the server ran during a call, by its own commandstats."""
    client.config_resetstat()
    call()
    stats = client.info("commandstats")
    return sum(int(stats.get(f"cmdstat_{name}", {}).get("calls", 0)) for name in ("evalsha", "eval"))


def main(url: str | None = None) -> dict[str, float]:
    """Measure, print, and answer the figures."""
    if url is None:
        with EmbeddedRedis() as server:
            return main(server.url)
    store = RedisStore(url)
    client = store.connection.client
    with_the_engine(store, f"warm-{time.time_ns()}", 10)
    counted = {
        steps: scripts_run(client, lambda steps=steps: with_the_engine(store, f"count-{steps}-{time.time_ns()}", steps))
        for steps in (1, 10, 100)
    }
    engine_s, bare_s = [], []
    for turn in range(ROUNDS):
        stamp = time.time_ns()
        bare_s.append(with_a_bare_loop(store, f"bare-{turn}-{stamp}", STEPS))
        engine_s.append(with_the_engine(store, f"engine-{turn}-{stamp}", STEPS))
    ratios = [bare / engine for bare, engine in zip(bare_s, engine_s, strict=True)]
    figures = {
        "engine_steps_per_s": STEPS / statistics.median(engine_s),
        "bare_steps_per_s": STEPS / statistics.median(bare_s),
        "ratio": statistics.median(ratios),
        "extra_round_trips": max(count - steps for steps, count in counted.items()),
    }
    for steps, count in counted.items():
        print(f"an execution of {steps} local steps: {count} round trips (n + {count - steps})")
    print(
        f"engine {figures['engine_steps_per_s']:,.0f} steps/s, bare EVALSHA loop {figures['bare_steps_per_s']:,.0f}/s"
    )
    print(f"ratio {figures['ratio']:.2f} (of {len(ratios)} rounds: {', '.join(f'{ratio:.2f}' for ratio in ratios)})")
    return figures


if __name__ == "__main__":
    main(*sys.argv[1:2])
