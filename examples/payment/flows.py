"""An order that is paid at once or by and by: the provider answers itself, or calls the webhook later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from celery import Celery

from durable_celery import AlreadySettled, Context, Durable, Service, TerminalError
from examples.payment import provider

app = Celery("shop")  # CELERY_BROKER_URL and CELERY_RESULT_BACKEND say where Redis is
durable = Durable(app)
Payments = Service("Payments")
#: A day in real life.
PATIENCE = timedelta(seconds=2)


@dataclass
class Order:
    id: str
    card: str


@Payments.handler()
async def pay(ctx: Context, order: Order) -> str:
    reference, paid = ctx.awakeable()  # known before anybody waits for it
    answer = await ctx.run("charge", provider.charge, order.id, order.card, reference)
    if answer == "pending":
        try:
            answer = await paid.timeout(PATIENCE)
        except TimeoutError:
            try:
                await ctx.reject_awakeable(reference, "too late")  # from now on every webhook is
            except AlreadySettled:
                answer = await paid  # but one came at the last moment
            else:
                await ctx.run("cancel", provider.cancel, order.id, reference)
                answer = "cancelled: nothing was heard of the payment"
    if answer != "paid":
        raise TerminalError(f"{order.id} is {answer}", 402)
    return f"{order.id} is {answer}"


@Payments.handler()
async def refund(ctx: Context, reference: str) -> None:
    await ctx.run("refund", provider.refund, reference)


def webhook(reference: str, news: str) -> str:
    """What the provider calls with its news, at any time and as often as it likes."""
    client = durable.client()
    try:
        client.resolve_awakeable(reference, news)
    except AlreadySettled as error:
        if error.state == "rejected" and news == "paid":
            client.send(refund, reference, idempotency_key=reference)  # one refund, however often it is told
            return "200: too late, it will be refunded"
        return "200: known already"
    return "200: thank you"


durable.bind(Payments)
