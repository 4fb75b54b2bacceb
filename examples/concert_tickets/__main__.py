"""Two customers want one seat at the same moment; one pays while the worker is killed, the other one hesitates."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from durable_celery import TerminalError
from durable_celery.calling import Bound
from examples.concert_tickets import bank
from examples.concert_tickets.flows import RESERVED, Cart, Seat, durable
from examples.stage import Stage, expect, perform, until


def tell(stage: Stage) -> None:
    stage.start("one", slots=2)
    client = durable.client()
    carts = {name: client.object(Cart, name) for name in ("ann", "bob")}
    a1, a2 = (client.object(Seat, seat) for seat in ("A1", "A2"))

    both = Barrier(2)
    with ThreadPoolExecutor(2) as people:
        clicks = {name: people.submit(click, cart.add, "A1", both) for name, cart in carts.items()}
    winner, loser = sorted(carts, key=lambda name: "taken" in clicks[name].result())
    print("ann and bob put A1 into their carts at the same moment:")
    print(f"  {winner}: {clicks[winner].result()}\n  {loser}: {clicks[loser].result()}")
    expect((a1.status(), "taken" in clicks[winner].result()) == (f"kept for {winner}", False), "one of them has it")

    paying = carts[winner].checkout.send("good-card")
    until(bank.booked, "the bank has booked it")
    stage.kill("one")
    print(f"{winner} pays. kill -9 of the only worker: the bank has booked it, nobody was told")
    stage.start("one", slots=2)
    print(f"  {paying.result(timeout=20)}; A1 is {a1.status()}")

    print(f"{loser}: {click(carts[loser].add, 'A2')}, and hesitates")
    until(lambda: a2.status() == "free", f"A2 is free again within {RESERVED}")
    print(f"  too long: {click(carts[loser].checkout, 'good-card')}")
    print(f"{loser} again: {click(carts[loser].add, 'A2')}, {click(carts[loser].checkout, 'bad-card')}")
    print(f"  A2 is {a2.status()}")
    carts[loser].add("A2")
    paying = carts[loser].checkout.send("good-card")
    until(lambda: len(bank.booked()) == 2, "the bank has booked it")
    paying.cancel()
    until(lambda: a2.status() == "free", "A2 is given back")
    print(f"{loser} once more, and cancels while paying; A2 is {a2.status()}")
    print(f"The bank: {', '.join(bank.booked())}; A1 is {a1.status()}")
    expect(bank.booked() == [f"{winner} has paid", f"{loser} has paid", f"{loser} has it back"], "each of them once")
    expect(a1.status() == f"sold to {winner}", "what is paid for is kept")


def click(what: Bound, arg: str, together: Barrier | None = None) -> str:
    """What the page says to a customer."""
    if together is not None:
        together.wait()
    try:
        return f"{what(arg)}"
    except TerminalError as error:
        return f"{error} ({error.status_code})"


if __name__ == "__main__":
    perform(tell, durable, "examples.concert_tickets.flows")
