"""A durable application whose steps take the interpreter, or the memory, for themselves: what `celery -A` is given."""

from __future__ import annotations

import ctypes
import json
import os
import resource
from pathlib import Path
from typing import Any

from celery import Celery

from durable_celery import Context, Durable
from tests.acceptance.workers.proj import effect, is_open, tell

LEASE_S = 0.5
#: Six leases, in which no other thread of the process runs: no heartbeat either.
HELD_S = 6 * LEASE_S
_ROOM_BYTES = 64 * 2**20


def grip(ctx: Context, gate: str) -> int:
    """Holds the interpreter's lock, until the gate is open; the first to come opens it when it has begun."""
    tell(ctx.id, "start", run=str(ctx.attempt))
    if not is_open(gate or "closed for ever"):
        if gate:
            (Path(os.environ["GATES"]) / gate).touch()
        ctypes.PyDLL(None).usleep(int(HELD_S * 1e6))  # PyDLL: with the lock
    tell(ctx.id, "done", run=str(ctx.attempt))
    return ctx.attempt


def eat(ctx: Context) -> int:
    """Takes memory until there is none."""
    tell(ctx.id, "start")
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + _ROOM_BYTES, hard))
    try:
        eaten = []
        while True:
            eaten.append(bytearray(2**20))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def grips(ctx: Context, gate: str) -> list[Any]:
    return [ctx.run(grip, gate).get(), ctx.run(effect).get()]


def eats(ctx: Context) -> Any:
    return ctx.run(eat).get()


def build(broker: str, store: str, **conf: Any) -> Durable:
    app = Celery("greedy", broker=broker, backend=store, set_as_current=False)
    app.conf.update({"broker_connection_retry_on_startup": True, "worker_prefetch_multiplier": 1, **conf})
    made = Durable(app)
    for body in (grips, eats):
        made.register(body)
    app.finalize()
    return made


if "LEDGER" in os.environ:
    durable = build(os.environ["BROKER"], os.environ["STORE"], **json.loads(os.environ["CONF"]))
    app = durable.app
