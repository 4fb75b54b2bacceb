"""The strands of one attempt, let go in an order that is drawn: none is forgotten, none keeps the others busy."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from durable_celery import Cancelled
from durable_celery.clock import ManualClock
from durable_celery.codec import Codec
from durable_celery.engine import Engine
from durable_celery.newpromise import NewPromise
from durable_celery.promise import Phase, State
from durable_celery.registry import Registered, Registry
from durable_celery.stores import LocalStore
from tests.simulation.cluster import SimKeeper
from tests.simulation.faulty import Actor
from tests.simulation.hub import Hub

ORDERS = range(20)
ID = "order-1"


class OneWorker:
    """Attempts at one execution of a body, whose threads take turns as they are drawn."""

    def __init__(self, body: Callable[..., Any], order: int) -> None:
        self.clock = ManualClock()
        self.store = LocalStore(self.clock)
        self.hub = Hub(self.clock)
        self.turns = 0
        self._rng = random.Random(order)
        self._registry = Registry()
        self._registry.add(Registered("body", 1, body))
        self.store.create(NewPromise(id=ID, function="body", args="[[],{}]"))
        for promise_id in ("a", "b"):
            self.store.create(NewPromise(id=promise_id))

    def play(self) -> None:
        """An attempt, to its end; when nobody can go on, time passes to the next instant that somebody waits for."""
        keeper = SimKeeper(self.store, self.clock)
        engine = Engine(
            store=self.store,
            codec=Codec(),
            registry=self._registry,
            keeper=keeper,
            clock=self.clock,
            publish=lambda ready: None,
            lease_ms=3_600_000,
        )
        with self.hub.threads():
            self.hub.spawn(Actor("w1/1"), "attempt", lambda: engine.attempt(ID, "w1/1"))
            while self.hub.tasks:
                self._turn()

    def _turn(self) -> None:
        there = [task for task in self.hub.tasks if self.hub.can_go_on(task)]
        if there:
            self.turns += 1
            assert self.turns < 2000, "they wake each other again and again"
            self.hub.resume(self._rng.choice(there))
        else:
            due = min(task.due for task in self.hub.tasks if task.due is not None)
            self.clock.advance(ms=max(int(due - self.clock.now_ms()), 1))

    def settle(self, promise_id: str) -> None:
        self.store.settle(promise_id, State.RESOLVED, "1")

    def work(self, turns: int) -> None:
        """A step that lets others have so many turns."""
        for _ in range(turns):
            self.hub.pause()

    def rest(self, ms: int) -> None:
        """A step that takes its time."""
        self.hub.wait(lambda: False, self.clock.now_ms() + ms)


@pytest.mark.parametrize("order", ORDERS)
def test_a_strand_goes_on_when_its_child_has_ended_whatever_the_others_wait_for(order: int) -> None:
    def asks(ctx):
        return (yield ctx.promise("a"))

    def answers(ctx):
        child = ctx.begin_run(worker.work, 8)
        yield child
        yield ctx.run(worker.settle, "a")

    def body(ctx):
        return (yield ctx.gather(ctx.begin_run(asks), ctx.begin_run(answers)))

    worker = OneWorker(body, order)
    worker.play()

    assert worker.store.get(ID).state is State.RESOLVED


@pytest.mark.parametrize("order", ORDERS)
def test_strands_that_wait_beside_one_that_works_look_now_and_then_and_sleep_meanwhile(order: int) -> None:
    seen_ms: list[int] = []

    def asks(ctx, promise_id):
        yield ctx.promise(promise_id)
        seen_ms.append(worker.clock.now_ms())

    def works():
        began_ms = worker.clock.now_ms()
        worker.rest(1200)
        worker.settle("a")
        worker.hub.wait(lambda: bool(seen_ms), began_ms + 60_000)
        worker.settle("b")
        return seen_ms[0] - began_ms

    def body(ctx):
        return (yield ctx.gather(ctx.begin_run(works), ctx.begin_run(asks, "a"), ctx.begin_run(asks, "b")))[0]

    worker = OneWorker(body, order)
    worker.play()

    assert 1200 <= Codec().decode(worker.store.get(ID).value) <= 1700
    assert worker.turns < 100


@pytest.mark.parametrize("order", ORDERS)
def test_a_body_that_fails_waits_for_strands_at_work_and_for_no_others(order: int) -> None:
    def asks(ctx):
        yield ctx.run(worker.work, 5)
        yield ctx.promise("a")

    def fails(ctx):
        yield ctx.run(worker.work, 3)
        raise ValueError("no")

    def body(ctx):
        yield ctx.gather(ctx.begin_run(asks), ctx.begin_run(fails))

    worker = OneWorker(body, order)
    began_ms = worker.clock.now_ms()
    worker.play()

    assert worker.store.get(ID).state is State.REJECTED
    assert worker.clock.now_ms() == began_ms


@pytest.mark.parametrize("order", ORDERS)
def test_nothing_is_asked_of_the_store_once_the_execution_is_left(order: int) -> None:
    left: list[bool] = []

    def suspend(*args: Any, **kwargs: Any) -> Any:
        worker.hub.pause()  # the request is on its way
        answer = LocalStore.suspend(worker.store, *args, **kwargs)
        left.append(answer.suspended)
        return answer

    def asks(ctx, promise_id):
        yield ctx.promise(promise_id)

    def works(ctx):
        yield ctx.run(worker.rest, 500)  # until the others are about to look
        yield ctx.promise("b")

    def body(ctx):
        yield ctx.gather(ctx.begin_run(asks, "a"), ctx.begin_run(asks, "a"), ctx.begin_run(works))

    worker = OneWorker(body, order)
    worker.store.suspend = suspend  # type: ignore[method-assign]
    worker.play()

    assert left.index(True) == len(left) - 1


@pytest.mark.parametrize("order", ORDERS)
def test_strands_are_told_at_once_that_they_are_cancelled(order: int) -> None:
    told_ms: list[int] = []

    def asks(ctx):
        try:
            yield ctx.sleep(3600)
        except Cancelled:
            told_ms.append(worker.clock.now_ms())
            yield ctx.run(worker.rest, 5000)
            raise

    def body(ctx):
        yield ctx.gather(ctx.begin_run(asks), ctx.begin_run(asks), return_exceptions=True)
        yield ctx.sleep(1)

    worker = OneWorker(body, order)
    worker.play()
    assert worker.store.get(ID).phase is Phase.SUSPENDED
    worker.clock.advance(seconds=1)
    cancelled_ms = worker.clock.now_ms()
    worker.store.cancel(ID, 60_000)
    worker.play()

    assert worker.store.get(ID).state is State.CANCELED
    assert told_ms == [cancelled_ms, cancelled_ms]
