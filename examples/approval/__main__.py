"""Two bosses click at the same moment, while no worker is alive; and a decision that nobody makes."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from examples.approval.flows import OUTBOX, approve, decide, durable
from examples.stage import Stage, expect, perform, until

DAYS = 24 * 3600


def tell(stage: Stage) -> None:
    stage.start("one")
    travel = approve.run("travel-7", {"text": "train to Rome", "by": "cleo", "bosses": ["ann", "bob"]}, 30 * DAYS)
    until(lambda: stage.suspended(travel), "travel-7 waits")
    link = outbox()[0]["text"].rpartition(" ")[2]
    print(f"To ann and bob: {link}")
    show_that_nothing_is_held(stage)
    stage.kill("one")
    print("kill -9 of the only worker: a promise is not in need of one")
    first, second = decide_at_once(link.rpartition("/")[2])
    print(f"Both click at the same moment:\n  {first}\n  {second}")

    stage.start("one")
    outcome = travel.result(15)
    print(f"A worker is back, and travel-7 is {outcome}")
    expect(outcome == f"approved by {first[:3]}" or outcome == f"refused by {first[:3]}", "the first decision counts")
    expect([mail["to"] for mail in outbox()] == [["ann", "bob"], ["cleo"]], "each mail is sent once")

    party = approve.run("party-1", {"text": "fireworks", "by": "cleo", "bosses": ["ann"]}, 1.5)
    print(f"party-1, which has 1.5 s: {party.result(15)}")
    late = decide("party-1.1", "approved", "ann")
    print(f"  {late}")
    expect("too late" in late, "a decision after the end is refused")


def outbox() -> list[dict[str, str]]:
    return [json.loads(line) for line in OUTBOX.read_text().splitlines()]


def show_that_nothing_is_held(stage: Stage) -> None:
    """The only worker, which does one thing at a time, is free for others."""
    waiting = [
        approve.run(f"travel-{number}", {"text": "taxi", "by": "cleo", "bosses": ["bob"]}, DAYS)
        for number in range(100, 110)
    ]
    for handle in waiting:
        until(lambda handle=handle: stage.suspended(handle), f"{handle.id} waits")
    until(lambda: stage.messages() == 0, "the broker is empty")
    print("11 approvals wait; the one slot of the one worker is free, and the broker has 0 messages")
    for handle in waiting:
        handle.cancel()
    OUTBOX.write_text(OUTBOX.read_text().splitlines(keepends=True)[0])


def decide_at_once(decision_id: str) -> list[str]:
    """What both are told, the first one first."""
    click = Barrier(2)

    def one(by: str, word: str) -> str:
        click.wait()
        return decide(decision_id, word, by)

    with ThreadPoolExecutor(2) as bosses:
        told = [
            click.result() for click in [bosses.submit(one, "ann", "approved"), bosses.submit(one, "bob", "refused")]
        ]
    told.sort(key=lambda answer: "was first" in answer)
    expect("thank you" in told[0] and f"{told[0][:3]} was first" in told[1], f"one is first, the other is told: {told}")
    return told


if __name__ == "__main__":
    perform(tell, durable, "examples.approval.flows")
