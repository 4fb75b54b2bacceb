"""Services as users write them, one handler for everything that HTTP can be told of it."""

from __future__ import annotations

import itertools
import queue
import threading
from dataclasses import dataclass
from typing import Any, TypedDict

from durable_celery import (
    Context,
    ObjectContext,
    ObjectSharedContext,
    RetryableError,
    Service,
    TerminalError,
    VirtualObject,
    Workflow,
    WorkflowContext,
    WorkflowSharedContext,
)
from durable_celery.serde import BytesSerde, Serde

#: Awakeables' ids, as somebody outside is told of them.
outbox: queue.SimpleQueue[str] = queue.SimpleQueue()
bodies: list[str] = []
attempts = itertools.count()
bodies_lock = threading.Lock()


def executed(name: str) -> None:
    with bodies_lock:
        bodies.append(name)


@dataclass
class Line:
    item: str
    count: int


class Order(TypedDict):
    customer: str
    lines: list[Line]


class Upper(Serde[str]):
    """Text in capitals on the wire."""

    def serialize(self, obj: str | None) -> bytes:
        return (obj or "").upper().encode()

    def deserialize(self, buf: bytes) -> str:
        return buf.decode("ascii").lower()


shop = Service("Shop", "Sells things")


@shop.handler("place")
async def place_order(ctx: Context, order: Order) -> int:
    """Place an order.

    Answers how many things were ordered.
    """
    return sum(line.count for line in order["lines"])


@shop.handler()
def greet(ctx: Context, name: str = "you") -> str:
    ctx.run("greet", executed, f"greet {name}").get()
    return f"hello {name}"


@shop.handler()
def nothing(ctx: Context) -> None:
    return None


@shop.handler(input_serde=Upper(), output_serde=Upper(), accept="text/*", content_type="text/plain")
async def shout(ctx: Context, text: str) -> str:
    assert text == text.lower()
    return text


@shop.handler(input_serde=BytesSerde(), output_serde=BytesSerde(), accept="*/*", content_type="image/png")
async def picture(ctx: Context, content: bytes) -> bytes:
    return content[::-1]


@shop.handler()
async def wait(ctx: Context) -> Any:
    id, promise = ctx.awakeable()
    await ctx.run("tell", outbox.put, id)
    return await promise


@shop.handler()
async def wait_for_bytes(ctx: Context) -> int:
    id, promise = ctx.awakeable(serde=BytesSerde())
    await ctx.run("tell", outbox.put, id)
    return len(await promise)


@shop.handler(timeout=0.2)
async def too_slow(ctx: Context) -> None:
    await ctx.sleep(600)


@shop.handler()
async def refuse(ctx: Context, status_code: int) -> None:
    raise TerminalError("we are closed", status_code)


@shop.handler()
def busy(ctx: Context) -> None:
    raise RetryableError("try tomorrow", 429)


@shop.handler()
def broken(ctx: Context) -> None:
    secret = {"password": "hunter2"}
    raise ValueError("no such thing") from KeyError(secret["password"])


@shop.handler()
async def asks_for_unknown(ctx: Context) -> Any:
    return await ctx.attach_invocation("nobody")


@shop.handler()
async def drifts(ctx: Context) -> Any:
    """Asks for another step in each attempt, which no journal can follow."""
    await ctx.run(f"step {next(attempts)}", int)
    id, promise = ctx.awakeable()
    await ctx.run("tell", outbox.put, id)
    return await promise


@shop.handler(private=True)
async def cellar(ctx: Context, name: str) -> str:
    return name


@shop.handler()
async def down(ctx: Context) -> str:
    return await ctx.service_call(cellar, "wine", idempotency_key="once")


counter = VirtualObject("Counter")


@counter.handler()
async def add(ctx: ObjectContext, amount: int) -> int:
    total = (await ctx.get("total") or 0) + amount
    ctx.set("total", total)
    return total


@counter.handler(kind="shared")
async def key(ctx: ObjectSharedContext) -> str:
    return ctx.key()


@counter.handler()
async def itself(ctx: ObjectContext) -> int:
    return await ctx.object_call(add, ctx.key(), 1)


signup = Workflow("Signup")


@signup.main()
async def run(ctx: WorkflowContext, mail: str) -> str:
    return f"{mail} {await ctx.promise('clicked').value()}"


@signup.handler()
async def click(ctx: WorkflowSharedContext, secret: str) -> None:
    await ctx.promise("clicked").resolve(secret)


back_office = Service("BackOffice", private=True)


@back_office.handler()
async def ledger(ctx: Context) -> str:
    return "numbers"


SERVICES = (shop, counter, signup, back_office)
