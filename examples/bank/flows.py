"""Accounts as virtual objects, and transfers between them that are done or undone as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from celery import Celery

from durable_celery import Context, Durable, ObjectContext, ObjectSharedContext, Service, TerminalError, VirtualObject

app = Celery("bank")  # CELERY_BROKER_URL and CELERY_RESULT_BACKEND say where Redis is
durable = Durable(app)
Account = VirtualObject("Account")
Transfers = Service("Transfers")


@dataclass
class Order:
    source: str
    target: str
    cents: int


@Account.handler()
async def deposit(ctx: ObjectContext, cents: int) -> int:
    if await ctx.get("closed"):
        raise TerminalError(f"{ctx.key()} is closed", 409)
    return await _add(ctx, cents)


@Account.handler()
async def withdraw(ctx: ObjectContext, cents: int) -> int:
    if (await ctx.get("cents") or 0) < cents:
        raise TerminalError(f"{ctx.key()} has too little", 402)
    return await _add(ctx, -cents)


@Account.handler(private=True)
async def give_back(ctx: ObjectContext, cents: int) -> int:
    """What undoes a withdrawal must not be refused, not even when the account was closed meanwhile."""
    return await _add(ctx, cents)


@Account.handler()
async def close(ctx: ObjectContext) -> None:
    ctx.set("closed", True)


@Account.handler(kind="shared")
async def balance(ctx: ObjectSharedContext) -> int:
    return await ctx.get("cents") or 0


@Transfers.handler()
async def transfer(ctx: Context, order: Order) -> str:
    saga = ctx.saga()
    await saga.run(take, order).compensate(put_back, order)
    await ctx.object_call(deposit, order.target, order.cents)
    return "done"


async def take(ctx: Context, order: Order) -> None:
    await ctx.object_call(withdraw, order.source, order.cents)


async def put_back(ctx: Context, order: Order) -> None:
    await ctx.object_call(give_back, order.source, order.cents)


async def _add(ctx: ObjectContext, cents: int) -> int:
    total: int = (await ctx.get("cents") or 0) + cents
    ctx.set("cents", total)
    return total


durable.bind(Account, Transfers)
