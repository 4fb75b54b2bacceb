"""The durable function `process_order`: reserve, charge, ask a person, ship."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workers import shop
from workers.script import BadScript, check_text, json_type

if TYPE_CHECKING:
    from collections.abc import Generator

    from durable_celery import Context, Durable, Function

MAX_ITEM_LENGTH = 100
MAX_QUANTITY = 1_000
#: In cents, for one order.
MAX_AMOUNT = 100_000_000


class BadOrder(ValueError):
    """Raised when an order cannot be processed; `where` is a JSON pointer to the place."""

    def __init__(self, message: str, where: str = "") -> None:
        super().__init__(message)
        self.where = where


def register(durable: Durable) -> Function[..., Any]:
    """Register `process_order` with an application, under its name everywhere."""
    return durable.register(name="process_order")(process_order)


def process_order(ctx: Context, order: dict[str, Any]) -> Generator[Any, Any, dict[str, Any]]:
    """Take an order to its end: shipped when a person approves, everything undone when not."""
    check_order(order)
    item, quantity = order["item"], order.get("quantity", 1)
    reservation = yield ctx.run(reserve, item, quantity)
    payment = yield ctx.run(charge, order["amount"])
    approval = ctx.promise()
    decision = yield approval
    if not decision["approved"]:
        yield ctx.run(release, reservation)
        yield ctx.run(refund, payment)
        return {"status": "rejected", "by": decision["by"], "refunded": payment}
    parcel = yield ctx.run(ship, item, quantity, reservation)
    return {"status": "shipped", "by": decision["by"], "payment": payment, "parcel": parcel}


def check_order(value: object) -> dict[str, Any]:
    """Return the order when it can be processed: an item, a quantity (one unless said), an amount in cents."""
    if not isinstance(value, dict):
        raise BadOrder(f"must be an object, not {json_type(value)}")
    item = value.get("item")
    if not isinstance(item, str):
        raise BadOrder(f"must be a string, not {json_type(item)}", "/item")
    if not 0 < len(item.strip()) <= len(item) <= MAX_ITEM_LENGTH:
        raise BadOrder(f"must be 1 to {MAX_ITEM_LENGTH} characters", "/item")
    try:
        check_text(item)
    except BadScript as error:
        raise BadOrder(str(error), "/item") from None
    _check_whole_number(value.get("quantity", 1), MAX_QUANTITY, "/quantity")
    _check_whole_number(value.get("amount"), MAX_AMOUNT, "/amount")
    return value


def reserve(ctx: Context, item: str, quantity: int) -> str:
    """Set the goods aside."""
    return shop.act("reserve", ctx.idempotency_key, item=item, quantity=quantity)


def charge(ctx: Context, amount: int) -> str:
    """Take the money; the service takes it once for each key, however often it is asked."""
    return shop.act("charge", ctx.idempotency_key, amount=amount)


def ship(ctx: Context, item: str, quantity: int, reservation: str) -> str:
    """Send the goods that were set aside."""
    return shop.act("ship", ctx.idempotency_key, item=item, quantity=quantity, reservation=reservation)


def release(ctx: Context, reservation: str) -> str:
    """Put the goods back."""
    return shop.act("release", ctx.idempotency_key, reservation=reservation)


def refund(ctx: Context, payment: str) -> str:
    """Give the money back."""
    return shop.act("refund", ctx.idempotency_key, payment=payment)


def _check_whole_number(value: object, most: int, where: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadOrder(f"must be a whole number, not {json_type(value)}", where)
    if not 1 <= value <= most:
        raise BadOrder(f"must be 1 to {most}", where)
