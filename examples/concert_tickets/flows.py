"""Tickets for a concert: a seat has one owner at most, a reservation ends by itself, a checkout is all or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from celery import Celery

from durable_celery import Context, Durable, ObjectContext, ObjectSharedContext, Service, TerminalError, VirtualObject
from examples.concert_tickets import bank

app = Celery("tickets")  # CELERY_BROKER_URL and CELERY_RESULT_BACKEND say where Redis is
durable = Durable(app)
Seat, Cart, Checkout = VirtualObject("Seat"), VirtualObject("Cart"), Service("Checkout")
#: A quarter of an hour in real life.
RESERVED = timedelta(seconds=2.5)


@Seat.handler(private=True)
async def reserve(ctx: ObjectContext, customer: str) -> None:
    if await ctx.get("owner"):
        raise TerminalError(f"{ctx.key()} is taken", 409)
    ctx.set("owner", customer)
    ctx.set("reservation", ctx.id)
    ctx.object_send(expire, ctx.key(), ctx.id, send_delay=RESERVED)


@Seat.handler(private=True)
async def expire(ctx: ObjectContext, reservation: str) -> None:
    if await ctx.get("reservation") == reservation:  # not held, sold, or reserved anew since
        ctx.clear_all()


@Seat.handler(private=True)
async def hold(ctx: ObjectContext, customer: str) -> None:
    """While somebody pays for it, it does not expire."""
    if await ctx.get("owner") != customer:
        raise TerminalError(f"{ctx.key()} is not reserved any more", 409)
    ctx.clear("reservation")


@Seat.handler(private=True)
async def confirm(ctx: ObjectContext) -> None:
    ctx.set("sold", True)


@Seat.handler(private=True)
async def free(ctx: ObjectContext) -> None:
    ctx.clear_all()


@Seat.handler(kind="shared")
async def status(ctx: ObjectSharedContext) -> str:
    owner = await ctx.get("owner")
    return f"{'sold to' if await ctx.get('sold') else 'kept for'} {owner}" if owner else "free"


@Cart.handler()
async def add(ctx: ObjectContext, seat: str) -> list[str]:
    await ctx.object_call(reserve, seat, ctx.key())
    seats = [*(await ctx.get("seats") or []), seat]
    ctx.set("seats", seats)
    return seats


@Cart.handler()
async def checkout(ctx: ObjectContext, card: str) -> str:
    seats: list[str] = await ctx.get("seats") or []
    ctx.clear("seats")  # bought or not, they do not stay in the cart
    paid: str = await ctx.service_call(buy, Order(ctx.key(), card, seats))
    return paid


@dataclass
class Order:
    customer: str
    card: str
    seats: list[str]


@Checkout.handler(private=True)
async def buy(ctx: Context, order: Order) -> str:
    saga = ctx.saga()
    for seat in order.seats:
        await saga.run(take, seat, order.customer).compensate(give_back, seat)
    receipt: str = await saga.run(bank.charge, order.card, order.customer).compensate(bank.refund, order.customer)
    for seat in order.seats:
        await ctx.object_call(confirm, seat)
    return receipt


async def take(ctx: Context, seat: str, customer: str) -> None:
    await ctx.object_call(hold, seat, customer)


async def give_back(ctx: Context, seat: str) -> None:
    await ctx.object_call(free, seat)


durable.bind(Seat, Cart, Checkout)
