"""The services that every client of these tests calls."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from durable_celery import (
    Context,
    ObjectContext,
    ObjectSharedContext,
    Service,
    TerminalError,
    VirtualObject,
    Workflow,
    WorkflowContext,
    WorkflowSharedContext,
)
from durable_celery.serde import BytesSerde


@dataclass
class Order:
    item: str
    pieces: int


Shop = Service("Shop")
Counter = VirtualObject("Counter")
Signup = Workflow("Signup")


@Shop.handler()
async def double(ctx: Context, order: Order) -> Order:
    return Order(order.item, order.pieces * 2)


@Shop.handler()
def hello(ctx: Context) -> str:
    return "hello"


@Shop.handler()
def greet(ctx: Context, name: str = "you") -> str:
    return f"hello {name}"


@Shop.handler("by-and-by")
def by_and_by(ctx: Context, words: list[str]) -> Generator[Any, Any, str]:
    yield ctx.sleep(timedelta(milliseconds=200))
    return " ".join(words)


@Shop.handler(
    input_serde=BytesSerde(), output_serde=BytesSerde(), accept="text/plain", content_type="application/octet-stream"
)
async def reversed_bytes(ctx: Context, raw: bytes) -> bytes:
    return raw[::-1]


@Shop.handler()
async def refuse(ctx: Context, code: int) -> None:
    raise TerminalError("sold out", code)


@Shop.handler()
async def fails(ctx: Context) -> None:
    raise ZeroDivisionError("by nothing")


@Shop.handler(private=True)
async def secret(ctx: Context) -> str:
    return "for handlers"


@Shop.handler()
async def patient(ctx: Context, where: str = "ids") -> Any:
    """Waits for an awakeable whose id it leaves at a counter."""
    awakeable, answer = ctx.awakeable()
    await ctx.object_call(leave, where, awakeable)
    return await answer


@Shop.handler(timeout=0.2)
async def late(ctx: Context) -> None:
    await ctx.sleep(timedelta(seconds=60))


@Counter.handler()
async def add(ctx: ObjectContext, n: int) -> int:
    total: int = (await ctx.get("n") or 0) + n
    ctx.set("n", total)
    return total


@Counter.handler(kind="shared")
async def value(ctx: ObjectSharedContext) -> int:
    return await ctx.get("n") or 0


@Counter.handler()
async def leave(ctx: ObjectContext, what: str) -> None:
    ctx.set("left", what)


@Counter.handler()
async def taken(ctx: ObjectContext) -> str | None:
    left: str | None = await ctx.get("left")
    ctx.clear("left")
    return left


@Counter.handler()
async def itself(ctx: ObjectContext) -> int:
    total: int = await ctx.object_call(add, ctx.key(), 1)
    return total


@Signup.main()
async def run(ctx: WorkflowContext, mail: str) -> str:
    clicked = await ctx.promise("clicked").value()
    return f"{ctx.key()} {mail} {clicked}"


@Signup.handler()
async def click(ctx: WorkflowSharedContext, secret: str) -> None:
    await ctx.promise("clicked").resolve(secret)
