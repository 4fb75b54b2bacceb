"""Orders, some of which will be refused half-way, while workers are killed: each is done, or undone, as a whole."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import closing

from durable_celery import Handle, TerminalError
from examples.saga import services
from examples.saga.flows import durable, place
from examples.stage import Stage, expect, perform, until

SEED = 2026
ORDERS = 40
#: What was done for an order, in order, wherever it was refused.
WHOLE = {
    "resolved": [["reserve", "charge", "ship"]],
    "rejected": [[], ["reserve", "release"], ["reserve", "charge", "refund", "release"]],
}


def tell(stage: Stage) -> None:
    stage.start("one", "two", slots=2)
    handles = [place.run(order["id"], order) for order in orders()]
    print(f"{ORDERS} orders are placed; some will be refused by the stock, the bank or the carrier (seed {SEED})")
    for what in ("charge", "refund", "ship", "release"):
        kill_in_the_middle_of(stage, what)
    ends = Counter(end(handle) for handle in handles)
    print("Every order has ended: " + ", ".join(f"{count} {how}" for how, count in sorted(ends.items())))
    check(handles)


def orders() -> list[dict[str, str]]:
    chance = random.Random(SEED)
    return [
        {
            "id": f"order-{number}",
            "item": chance.choice(["lamp", "chair", "desk", "unicorn"]),
            "card": chance.choice(["good", "good", "good", "expired"]),
            "to": chance.choice(["Rome", "Oslo", "the moon"]),
        }
        for number in range(1, ORDERS + 1)
    ]


def kill_in_the_middle_of(stage: Stage, what: str) -> None:
    """Wait for a call that has not been answered yet, and kill the worker that is at it."""
    with closing(services.books()) as book:
        (known,) = book.execute("SELECT coalesce(max(rowid), 0) FROM calls").fetchone()

        def caught() -> tuple[str, str] | None:
            asked = "SELECT customer FROM calls WHERE what = ? AND answered = 0 AND rowid > ?"
            row = book.execute(asked, (what, known)).fetchone()
            worker = stage.holder(row[0]) if row else ""
            return (row[0], worker) if worker else None

        order_id, worker = until(caught, f"somebody is at a {what}")
    stage.kill(worker)
    print(f"  kill -9 worker {worker}, in the middle of the {what} of {order_id}")
    stage.start_soon(worker, slots=2)


def end(handle: Handle[str]) -> str:
    try:
        return handle.result(timeout=20)
    except TerminalError as error:
        return f"refused ({str(error).split()[1]})"


def check(handles: list[Handle[str]]) -> None:
    with closing(services.books()) as book:
        done = {handle.id: [] for handle in handles}
        for order_id, what in book.execute("SELECT customer, what FROM done ORDER BY rowid"):
            done[order_id].append(what)
        calls = book.execute("SELECT count(*) FROM calls").fetchone()[0]
    for handle in handles:
        expect(done[handle.id] in WHOLE[handle.state], f"{handle.id} is done or undone as a whole: {done[handle.id]}")
    did = Counter(what for each in done.values() for what in each)
    expect(did["reserve"] == did["release"] + did["ship"], "nothing stays reserved that is not shipped")
    expect(did["charge"] == did["refund"] + did["ship"], "nobody has paid for what is not shipped")
    print(f"In the books, each under its own key: {', '.join(f'{count} {what}' for what, count in did.items())}")
    print(f"Shipped or wholly undone: {ORDERS} of {ORDERS}; half done: 0")
    print(f"Refused calls and those cut off by the kills included, the services were called {calls} times")


if __name__ == "__main__":
    perform(tell, durable, "examples.saga.flows")
