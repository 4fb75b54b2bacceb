"""What a type checker knows of calls. A comment says what it must find on that line."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from durable_celery import Context, Durable, ObjectContext, Service, VirtualObject
from durable_celery.client import AsyncClient, Client


@dataclass
class Order:
    item: str


Shop = Service("Shop")
Counter = VirtualObject("Counter")


@Counter.handler()
async def add(ctx: ObjectContext, n: int) -> float:
    return n


@Counter.handler()
def steps(ctx: ObjectContext, n: int) -> Generator[Any, Any, bytes]:
    yield ctx.sleep(n)
    return b""


@Shop.handler()
def plain(ctx: Context, order: Order) -> Order:
    return order


@Shop.handler()
async def nothing(ctx: Context) -> str:
    return ""


@Shop.handler()
def plain_nothing(ctx: Context) -> list[int]:
    return []


@Shop.handler()
async def optional(ctx: Context, n: int = 0) -> int:
    return n


client = Durable.local().client()

reveal_type(client.call(add, 1, key="bob"))  # shows: float
reveal_type(client.call(steps, 1, key="bob"))  # shows: bytes
reveal_type(client.call(plain, Order("tea")))  # shows: Order
reveal_type(client.call(nothing))  # shows: str
reveal_type(client.call(plain_nothing))  # shows: list[int]
reveal_type(client.call(optional))  # shows: int
reveal_type(client.call(optional, 1))  # shows: int
reveal_type(client.send(add, 1, key="bob"))  # shows: Invocation[float]
reveal_type(client.send(plain, Order("tea")).result(timeout=1))  # shows: Order
reveal_type(client.send(nothing, delay=10).result())  # shows: str
client.call(add, "one", key="bob")  # refused
client.call(plain, 1)  # refused
client.call(nothing, 1)  # refused
client.send(steps, "one", key="bob")  # refused
client.call("add", 1)  # refused
reveal_type(Client("http://localhost").call(add, 1, key="bob"))  # shows: float


async def main() -> None:
    aclient = AsyncClient("http://localhost")
    reveal_type(await aclient.call(add, 1, key="bob"))  # shows: float
    reveal_type(await aclient.call(steps, 1, key="bob"))  # shows: bytes
    reveal_type(await aclient.call(plain, Order("tea")))  # shows: Order
    reveal_type(await aclient.call(plain_nothing))  # shows: list[int]
    sent = await aclient.send(nothing)
    reveal_type(sent)  # shows: AsyncInvocation[str]
    reveal_type(await sent)  # shows: str
    reveal_type(await sent.result(timeout=1))  # shows: str
    await aclient.call(add, "one", key="bob")  # refused
