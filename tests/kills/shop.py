"""Executions of several shapes, whose steps tell a ledger what they do; `celery -A` is given this module.

A ledger line's `at` is the machine's monotonic clock, which is the same in all
processes and cannot be moved; its `value` is the attempt that the step was in.
"""

from __future__ import annotations

import json
import os
import secrets
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery
from kombu.transport.redis import Channel

from durable_celery import Context, Durable, ObjectContext, VirtualObject
from tests.acceptance.workers import ledger

Runs = dict[str, str]
Till = VirtualObject("Till")

#: Every message to a task is delivered so many times.
COPIES = 5


def effect(ctx: Context, seconds: float) -> str:
    """Something done to the outside world; answers which run of the step this was."""
    run, where = secrets.token_hex(6), os.environ["LEDGER"]
    ledger.write(where, id=ctx.id, event="start", run=run, at=time.monotonic(), value=ctx.attempt)
    time.sleep(seconds)
    ledger.write(where, id=ctx.id, event="done", run=run, at=time.monotonic(), value=ctx.attempt)
    return run


async def steps(ctx: Context, count: int, seconds: float) -> Runs:
    return {f"{ctx.id}.{number}": await ctx.run(effect, seconds) for number in range(1, count + 1)}


def plain(ctx: Context, count: int, seconds: float) -> Runs:
    return {f"{ctx.id}.{number}": ctx.run(effect, seconds).get() for number in range(1, count + 1)}


async def family(ctx: Context, seconds: float) -> Runs:
    """Two children on other workers beside a step of its own, then another step."""
    children = [ctx.begin_rpc("steps", 2, seconds), ctx.begin_rpc("plain", 2, seconds)]
    runs = {f"{ctx.id}.3": await ctx.run(effect, seconds)}
    for child in children:
        runs |= await child
    return {**runs, f"{ctx.id}.4": await ctx.run(effect, seconds)}


async def naps(ctx: Context, seconds: float) -> Runs:
    """A wait that is sat out, and one that gives the worker free."""
    runs = {f"{ctx.id}.1": await ctx.run(effect, seconds)}
    await ctx.sleep(0.2)
    runs[f"{ctx.id}.3"] = await ctx.run(effect, seconds)
    await ctx.sleep(1.3)
    return {**runs, f"{ctx.id}.5": await ctx.run(effect, seconds)}


async def asks(ctx: Context, seconds: float) -> Runs:
    """Waits for its promise `<id>.1`, which the client resolves."""
    asked: Runs = await ctx.promise()
    return {**asked, f"{ctx.id}.2": await ctx.run(effect, seconds)}


async def sells(ctx: Context, seconds: float) -> Any:
    """Adds to a shared till: the sums that all of these get are 1, 2, 3, …"""
    runs = {f"{ctx.id}.1": await ctx.run(effect, seconds)}
    return {**runs, "sum": await ctx.object_call(sell, "till", seconds)}


@Till.handler()
async def sell(ctx: ObjectContext, seconds: float) -> int:
    total: int = (await ctx.get("sum") or 0) + 1
    await ctx.run(effect, seconds)
    ctx.set("sum", total)
    return total


def project(broker: str, store: str, **conf: Any) -> Durable:
    app = Celery("kills", broker=broker, backend=store)
    app.conf.update({"broker_connection_retry_on_startup": True, "worker_prefetch_multiplier": 1, **conf})
    durable = Durable(app)
    for body in (steps, plain, family, naps, asks, sells):
        durable.register(body)
    durable.bind(Till)
    app.finalize()
    return durable


@contextmanager
def multiplied() -> Iterator[None]:
    """Every message that this process publishes is put into its queue several times, each under a tag of its own."""
    put = Channel._put

    def put_often(self: Any, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        for _ in range(COPIES):
            properties = {**message["properties"], "delivery_tag": str(uuid.uuid4())}
            put(self, queue, {**message, "properties": properties}, **kwargs)

    setattr(Channel, "_put", put_often)  # noqa: B010
    try:
        yield
    finally:
        setattr(Channel, "_put", put)  # noqa: B010


if "LEDGER" in os.environ:
    if os.environ.get("MULTIPLIED"):
        multiplied().__enter__()
    app = project(os.environ["BROKER"], os.environ["STORE"], **json.loads(os.environ["CONF"])).app
