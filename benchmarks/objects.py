"""What a call to a virtual object costs, of one key and of many, beside a plain durable function in the same run.

    python benchmarks/objects.py

One process with threads, and a Redis of its own. Scripts are counted by Redis itself.
"""

from __future__ import annotations

import time
from typing import Any

import redis

from durable_celery import Context, Durable, ObjectContext, VirtualObject
from durable_celery.dev import EmbeddedRedis

CALLS = 1000
Counter = VirtualObject("Counter")


@Counter.handler()
def add(ctx: ObjectContext, n: int) -> int:
    total = (ctx.get("total").get() or 0) + n
    ctx.set("total", total)
    return int(total)


def plain(ctx: Context, n: int) -> int:  # noqa: ARG001  # a body that makes no call
    return n


def main() -> None:
    """Print a row for each way to make the calls."""
    with EmbeddedRedis(appendfsync="no") as server:
        durable = Durable(store=server.url)
        durable.bind(Counter)
        function, client = durable.register(plain), durable.client()
        ways: dict[str, Any] = {
            "plain function": lambda n: function.run(f"plain-{n}", n),
            "many keys": lambda n: client.object(Counter, f"key-{n}").add.send(1),
            "one key": lambda n: client.object(Counter, "one").add.send(1),
        }
        print(f"{'':16}{'calls/s':>10}{'scripts a call':>16}{'of plain':>10}")
        fastest = 0.0
        for name, call in ways.items():
            rate, scripts = _measured(server.url, call)
            fastest = fastest or rate
            print(f"{name:16}{rate:10.0f}{scripts:16.1f}{rate / fastest:10.2f}")
        assert client.object(Counter, "one").add(0) == CALLS
        durable.close()


def _measured(url: str, call: Any) -> tuple[float, float]:
    with redis.Redis.from_url(url) as server:
        server.config_resetstat()
        began = time.perf_counter()
        for sent in [call(n) for n in range(CALLS)]:
            sent.result()
        seconds = time.perf_counter() - began
        stats: Any = server.info("commandstats")
        scripts = sum(stats[name]["calls"] for name in stats if name in ("cmdstat_evalsha", "cmdstat_eval"))
    return CALLS / seconds, scripts / CALLS


if __name__ == "__main__":
    main()
