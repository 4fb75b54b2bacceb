"""Five orders: answered at once, refused, and three webhooks: one early, one twice after a kill, one too late."""

from __future__ import annotations

from durable_celery import TerminalError
from durable_celery.calling import Invocation
from examples.payment import provider
from examples.payment.flows import Order, durable, pay, refund, webhook
from examples.stage import Stage, expect, perform, until


def tell(stage: Stage) -> None:
    stage.start("one", slots=2)
    print(f"A card that is charged at once: {end(begin('order-1', 'now-1'))}")
    print(f"A card that is declined: {end(begin('order-2', 'bad-2'))}")

    early = begin("order-3", "later-3")
    print(f"A webhook before the provider has answered: {webhook(reference('order-3'), 'paid')}")
    expect(early.status == "running", "the provider is still being asked")
    print(f"  {end(early)}")

    twice = begin("order-4", "later-4")
    reference("order-4")
    until(lambda: stage.suspended(durable.get(twice.id)), "order-4 waits for its webhook")
    stage.kill("one")
    print("order-4 waits for its webhook, and holds nothing: kill -9 of the only worker")
    print(f"  two webhooks: {webhook(reference('order-4'), 'paid')}; {webhook(reference('order-4'), 'paid')}")
    stage.start("one", slots=2)
    print(f"  {end(twice)}")

    late = begin("order-5", "later-5")
    print(f"No webhook: {end(late)}")
    print(
        f"  two webhooks after that: {webhook(reference('order-5'), 'paid')}; {webhook(reference('order-5'), 'paid')}"
    )
    refunded = durable.client().send(refund, reference("order-5"), idempotency_key=reference("order-5"))
    expect(not refunded.created, "it attaches to the one refund that there is")
    refunded.result(timeout=10)
    charges, cancels, refunds = (len(noted(what)) for what in ("charge", "cancel", "refund"))
    print(f"The provider's books: {charges} charges, {cancels} cancelled, {refunds} refunded")
    expect((charges, cancels, refunds) == (5, 1, 1), "each of them once")


def begin(id: str, card: str) -> Invocation[str]:
    return durable.client().send(pay, Order(id, card), idempotency_key=id)


def end(payment: Invocation[str]) -> str:
    try:
        return payment.result(timeout=20)
    except TerminalError as error:
        return f"{error} ({error.status_code})"


def reference(order: str) -> str:
    """What the provider was given to name in its webhook, as soon as it was asked."""
    charges = until(lambda: [each for each in noted("charge") if each["order"] == order], f"{order} is charged")
    return charges[0]["reference"]


def noted(what: str) -> list[dict[str, str]]:
    return [each for each in provider.books() if each["what"] == what]


if __name__ == "__main__":
    perform(tell, durable, "examples.payment.flows")
