"""What a fan-out costs: a thousand remote children gathered by one parent.

Run it with `make bench`, or `python benchmarks/fan_out.py [redis-url]`; without a
URL it starts a server of its own. Parent and children are executed by threads of
this process. Beside it, in the same run: the same function started as often one
by one from outside, and waited for.
"""

from __future__ import annotations

import sys
import time

from durable_celery import Context, Durable, RedisStore
from durable_celery.dev.server import EmbeddedRedis

CHILDREN = 1000


def child(ctx: Context, number: int) -> int:  # noqa: ARG001  # a body that makes no call
    return number


def parent(ctx: Context, count: int) -> int:
    return sum(ctx.gather(*[ctx.rpc("child", number) for number in range(count)]).get())


def asleep(ctx: Context, count: int) -> int:
    """The same with children that wait for somebody."""
    return len(ctx.gather(*[ctx.promise() for _ in range(count)]).get())


def main(url: str | None = None) -> dict[str, float]:
    """Measure, print, and answer the figures."""
    if url is None:
        with EmbeddedRedis() as server:
            return main(server.url)
    store = RedisStore(url, patience=30)
    client = store.connection.client
    durable = Durable(store=store)
    run = {body.__name__: durable.register(body) for body in (child, parent, asleep)}
    stamp = time.time_ns()
    run["parent"].run(f"warm-{stamp}", 10).result(60)

    client.config_resetstat()
    began = time.perf_counter()
    handle = run["parent"].run(f"fan-{stamp}", CHILDREN)
    assert handle.result(120) == sum(range(CHILDREN))
    fan_out_s = time.perf_counter() - began
    scripts = int(client.info("commandstats")["cmdstat_evalsha"]["calls"])

    began = time.perf_counter()
    handles = [run["child"].run(f"one-{number}-{stamp}", number) for number in range(CHILDREN)]
    assert sum(each.result(120) for each in handles) == sum(range(CHILDREN))
    one_by_one_s = time.perf_counter() - began

    before = int(client.info("memory")["used_memory"])
    waiting = run["asleep"].run(f"asleep-{stamp}", CHILDREN)
    while waiting.status != "suspended":
        time.sleep(0.05)
    held = int(client.info("memory")["used_memory"]) - before
    waiting.cancel(grace=0)
    durable.close()

    figures = {
        "parent_attempts": float(handle.promise().attempt),
        "scripts_per_child": scripts / CHILDREN,
        "seconds": fan_out_s,
        "ratio_to_one_by_one": one_by_one_s / fan_out_s,
        "bytes_per_pending_child": held / CHILDREN,
    }
    print(f"{CHILDREN} remote children gathered in {fan_out_s:.2f} s; {scripts / CHILDREN:.1f} scripts a child")
    print(f"attempts of the parent: {figures['parent_attempts']:.0f} (one to create them, one to take their values)")
    print(f"one by one from outside: {one_by_one_s:.2f} s; ratio {figures['ratio_to_one_by_one']:.2f}")
    print(f"Redis keeps {held / CHILDREN:.0f} bytes for a pending child, its place in the wait included")
    return figures


if __name__ == "__main__":
    main(*sys.argv[1:2])
