"""Four clients add to one counter at the same time, while the worker that is at it is killed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from examples.counter_object.flows import Counter, add, durable
from examples.stage import Stage, expect, perform, until

CLIENTS = 4
EACH = 8
SUM = CLIENTS * EACH + 1


def tell(stage: Stage) -> None:
    stage.start("one", "two", slots=2)
    bob, ann = (durable.client().object(Counter, key) for key in ("bob", "ann"))

    with ThreadPoolExecutor(CLIENTS) as clients:
        counting = [clients.submit(count) for _ in range(CLIENTS)]
        print(f"{CLIENTS} clients add 1 to bob, {EACH} times each, as fast as they are answered")
        until(lambda: bob.value() >= SUM // 3, "a third is counted")
        mine = bob.add.send(1)
        worker = until(lambda: stage.holder(mine.id), "somebody is at my own addition")
        stage.kill(worker)
        print(f"  kill -9 worker {worker}, in the middle of an addition; nobody may add to bob before that is done")
        print(f"  ann is not bob, and does not wait for bob: {ann.add(5)}")
        stage.start_soon(worker, slots=2)
        answers = [mine.result(timeout=20), *(answer for client in counting for answer in client.result())]

    expect(sorted(answers) == list(range(1, SUM + 1)), f"every number was answered once: {sorted(answers)}")
    print(f"The answers are the numbers from 1 to {SUM}, each once; the addition that was killed got {answers[0]}")
    expect(durable.get(mine.id).promise().attempt > 1, "my addition was cut off, and taken up again")
    expect(bob.value() == SUM, "the sum is exact")
    print(f"bob is {bob.value()}: nothing was lost, and nothing was added twice")
    print(f"bob is reset at {bob.reset()} and begins anew: {bob.add(1)}; ann is {ann.value()} still")
    expect((bob.value(), ann.value()) == (1, 5), "each has a state of its own")


def count() -> list[int]:
    client = durable.client()
    return [client.call(add, 1, key="bob") for _ in range(EACH)]


if __name__ == "__main__":
    perform(tell, durable, "examples.counter_object.flows")
