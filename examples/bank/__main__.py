"""Random transfers between fifty accounts, while both workers are killed: the sum stays what it is, to the cent."""

from __future__ import annotations

import random
from collections import Counter

from durable_celery import Cancelled, TerminalError
from durable_celery.calling import Invocation
from examples.bank.flows import Order, balance, close, deposit, durable, transfer
from examples.stage import Stage, expect, perform

SEED = 2026
ACCOUNTS = [f"account-{number}" for number in range(50)]
CLOSED = ACCOUNTS[:5]
CENTS = 10_000
TRANSFERS = 100


def tell(stage: Stage) -> None:
    stage.start("one", "two", slots=2)
    client = durable.client()
    for opened in [client.send(deposit, CENTS, key=key) for key in ACCOUNTS]:
        opened.result(timeout=20)
    for key in CLOSED:
        client.call(close, key=key)
    print(
        f"{len(ACCOUNTS)} accounts have {CENTS / 100:.2f} each, {total() / 100:,.2f} in all; {len(CLOSED)} are closed"
    )

    running = [client.send(transfer, order) for order in orders()]
    print(f"{TRANSFERS} transfers of random amounts between random accounts begin (seed {SEED})")
    for number, worker in [(20, "one"), (50, "two")]:
        end(running[number])
        stage.kill(worker)
        print(f"  kill -9 worker {worker}, after transfer {number} of {TRANSFERS}")
        stage.start_soon(worker, slots=2)
    for each in running[-20:]:
        each.cancel()
    print("  the last 20 are cancelled, as far as they are not over")

    ends = Counter(end(each) for each in running)
    print("Every transfer has ended: " + ", ".join(f"{count} {how}" for how, count in sorted(ends.items())))
    expect(set(ends) == {"done", "cancelled", "refused: closed", "refused: little"}, "all kinds of ends are there")
    check(running)


def orders() -> list[Order]:
    chance = random.Random(SEED)
    return [Order(*chance.sample(ACCOUNTS, 2), cents=chance.randint(1, CENTS // 2)) for _ in range(TRANSFERS)]


def end(transfer: Invocation[str]) -> str:
    try:
        return transfer.result(timeout=20)
    except Cancelled:
        return "cancelled"
    except TerminalError as error:
        return f"refused: {str(error).split()[-1]}"


def check(running: list[Invocation[str]]) -> None:
    """The balances are those that the transfers that were done, and only these, lead to."""
    expected = dict.fromkeys(ACCOUNTS, CENTS)
    for order, each in zip(orders(), running, strict=True):
        if each.status == "succeeded":
            expected[order.source] -= order.cents
            expected[order.target] += order.cents
    expect(balances() == expected, "the balances are what the transfers made of them")
    expect(min(expected.values()) >= 0, "no account is below zero")
    print(
        f"In all there are {total() / 100:,.2f}, as before; the poorest account has {min(expected.values()) / 100:.2f}"
    )
    print("Every account has what it got from the transfers that were done, and nothing from the others")


def balances() -> dict[str, int]:
    client = durable.client()
    asked = {key: client.send(balance, key=key) for key in ACCOUNTS}
    return {key: each.result(timeout=20) for key, each in asked.items()}


def total() -> int:
    return sum(balances().values())


if __name__ == "__main__":
    perform(tell, durable, "examples.bank.flows")
