"""Awakeables: an id to hand out, and a wait that ends when somebody settles it under that id."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from durable_celery import AlreadySettled, Context, Durable, PromiseNotFound, Rejected, Service
from tests.fundamentals.styles import Style
from tests.fundamentals.test_every_style import until
from tests.fundamentals.test_services import Order, bound

Steps = Generator[Any, Any, Any]


def payments(style: Style, handed_out: list[str]) -> Service:
    service = Service("Payments")

    @service.handler("pay")
    @style
    def pay(ctx: Context) -> Steps:
        awakeable_id, paid = ctx.awakeable()
        yield ctx.run("ask for money", lambda: handed_out.append(awakeable_id))
        return (yield paid)

    @service.handler("webhook")
    @style
    def webhook(ctx: Context, told: list[Any]) -> Steps:
        yield ctx.resolve_awakeable(told[0], told[1])

    @service.handler("refuse")
    @style
    def refuse(ctx: Context, awakeable_id: str) -> Steps:
        yield ctx.reject_awakeable(awakeable_id, "no money")

    return service


def test_it_is_resolved_by_another_handler_in_every_style(durable: Durable, style: Style) -> None:
    handed_out: list[str] = []
    client = bound(durable, payments(style, handed_out)).service("Payments")
    paying = client.pay.send()
    until(lambda: durable.get(paying.id).status == "suspended", "the payment to wait")

    client.webhook([handed_out[0], {"amount": 5}])
    assert paying.result(10) == {"amount": 5}
    assert len(handed_out) == 1, "its id is the same in every replay"


def test_it_may_be_resolved_before_anybody_waits(durable: Durable) -> None:
    service = Service("S")

    @service.handler()
    async def early(ctx: Context) -> str:
        awakeable_id, paid = ctx.awakeable(type_hint=str)
        await ctx.resolve_awakeable(awakeable_id, "early")
        return str(await paid)

    assert bound(durable, service).service(service).early() == "early"


def test_a_rejected_one(durable: Durable) -> None:
    handed_out: list[str] = []
    client = bound(durable, payments(lambda body: body, handed_out)).service("Payments")
    paying = client.pay.send()
    until(lambda: handed_out, "the id")
    client.refuse(handed_out[0])
    with pytest.raises(Rejected, match="no money"):
        paying.result(10)


def test_once_and_only_what_exists(durable: Durable) -> None:
    handed_out: list[str] = []
    client = bound(durable, payments(lambda body: body, handed_out)).service("Payments")
    paying = client.pay.send()
    until(lambda: handed_out, "the id")
    client.webhook([handed_out[0], 1])
    with pytest.raises(AlreadySettled):
        client.webhook([handed_out[0], 2])
    with pytest.raises(PromiseNotFound):
        client.webhook(["awk_nobody", 1])
    assert paying.result(10) == 1


def test_its_id_cannot_be_guessed(durable: Durable) -> None:
    service = Service("S")

    @service.handler()
    def ids(ctx: Context) -> list[str]:
        return [ctx.awakeable()[0] for _ in range(3)]

    found = bound(durable, service).service(service).ids()
    assert len(set(found)) == 3
    assert all(each.startswith("awk_") and len(each) >= 24 for each in found)


def test_its_value_by_type(durable: Durable) -> None:
    service = Service("S")

    @service.handler()
    async def typed(ctx: Context) -> str:
        awakeable_id, order = ctx.awakeable(type_hint=Order)
        await ctx.resolve_awakeable(awakeable_id, {"customer": "ann", "lines": []})
        return str((await order).customer)

    assert bound(durable, service).service(service).typed() == "ann"
