"""What wakes an attempt that waits: nothing is missed, whenever it happens, and no clock goes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from durable_celery import RetryPolicy, TimedOut
from durable_celery.clock import ManualClock
from durable_celery.codec import Codec
from durable_celery.engine import Departure, Engine, Left
from durable_celery.lease import Keeper
from durable_celery.newpromise import NewPromise
from durable_celery.promise import State
from durable_celery.registry import Registered, Registry
from durable_celery.store import Claimed
from durable_celery.stores import LocalStore

LATE_MS = 5_000


class SlowToAnswer(LocalStore):
    """The answer to a claim is a while on its way, so its reader's clock lags."""

    def claim(self, *args: Any) -> Any:
        claimed = super().claim(*args)
        return replace(claimed, now_ms=claimed.now_ms - LATE_MS) if isinstance(claimed, Claimed) else claimed

    def suspend(self, *args: Any, **kwargs: Any) -> Any:
        self.asked = getattr(self, "asked", 0) + 1
        assert self.asked <= 5, "it asks again and again"
        return super().suspend(*args, **kwargs)


class Jumping(ManualClock):
    """A minute and a second pass just before its reading of this number."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._left = at

    def monotonic_ms(self) -> float:
        self._left -= 1
        if self._left == 0:
            self.advance(seconds=61)
        return super().monotonic_ms()


class Bench:
    """One execution of one body."""

    def __init__(self, body: Callable[..., Any], clock: ManualClock, store: LocalStore) -> None:
        registry = Registry()
        registry.add(Registered("body", 1, body))
        self.clock, self.store, self.codec = clock, store, Codec()
        self._engine = Engine(
            store=store,
            codec=self.codec,
            registry=registry,
            keeper=Keeper(store, clock),
            clock=clock,
            publish=lambda ready: None,
            lease_ms=600_000,
        )
        store.create(NewPromise(id="order-1", function="body", args="[[],{}]"))

    def attempt(self) -> Left:
        return self._engine.attempt("order-1", "node/1")

    def after_a_minute(self) -> Left:
        """Try again then, as whoever was woken."""
        self.clock.advance(seconds=61)
        assert "order-1" in [ready.id for ready in self.store.sweep(5).ready]
        return self.attempt()

    def value(self) -> Any:
        promise = self.store.get("order-1")
        assert promise.state is State.RESOLVED
        return self.codec.decode(promise.value)


def limited(ctx):
    try:
        yield ctx.gather(ctx.promise().timeout(60), ctx.promise())
    except TimeoutError:
        return "late"


def chosen(ctx):
    [[name, _], _] = yield ctx.gather(ctx.select(a=ctx.promise(), b=ctx.sleep(60)), ctx.run(lambda: None))
    return "late" if name == "b" else name


def raced(ctx):
    name, _ = yield ctx.select(answer=ctx.promise(), late=ctx.sleep(60))
    return name


@pytest.mark.parametrize("body", [limited, chosen])
def test_a_choice_among_what_is_gathered_ends_when_its_own_time_is_up(body: Callable[..., Any]) -> None:
    clock = ManualClock()
    bench = Bench(body, clock, LocalStore(clock))

    assert bench.attempt().departure is Departure.SUSPENDED
    assert bench.after_a_minute().departure is Departure.SETTLED
    assert bench.value() == "late"


def test_what_is_gathered_in_a_race_wakes_it_when_all_of_it_is_there() -> None:
    def body(ctx):
        both = ctx.gather(ctx.promise("a"), ctx.promise("b"))
        return (yield both.timeout(60))

    clock = ManualClock()
    bench = Bench(body, clock, LocalStore(clock))
    assert bench.attempt().departure is Departure.SUSPENDED

    assert bench.store.settle("a", State.RESOLVED, "1")[2] == ()
    assert [ready.id for ready in bench.store.settle("b", State.RESOLVED, "2")[2]] == ["order-1"]
    assert bench.attempt().departure is Departure.SETTLED
    assert bench.value() == [1, 2]


@pytest.mark.parametrize("body", [raced, limited])
def test_a_timer_is_not_missed_whenever_it_ends(body: Callable[..., Any]) -> None:
    for reading in range(1, 40):
        clock = Jumping(reading)
        bench = Bench(body, clock, LocalStore(clock))

        if bench.attempt().departure is Departure.SUSPENDED:
            bench.after_a_minute()

        assert bench.value() == "late", f"it ended just before reading {reading} of the clock"


def test_after_a_sleep_it_is_as_much_later_although_the_answer_to_the_claim_was_late() -> None:
    def body(ctx):
        before = yield ctx.time()
        yield ctx.sleep(2)
        return (yield ctx.time()) - before

    clock = ManualClock()
    bench = Bench(body, clock, SlowToAnswer(clock))

    assert bench.attempt().departure is Departure.SETTLED
    assert bench.value() >= 2


def test_a_pause_between_tries_ends_when_the_store_says_so() -> None:
    tries: list[int] = []

    def flaky() -> str:
        tries.append(len(tries))
        if len(tries) < 2:
            raise OSError("not yet")
        return "done"

    def body(ctx):
        return (yield ctx.run(flaky).options(retry=RetryPolicy(max_attempts=3, initial=2)))

    clock = ManualClock()
    bench = Bench(body, clock, SlowToAnswer(clock))

    assert bench.attempt().departure is Departure.SETTLED
    assert bench.value() == "done"


def test_the_time_of_a_local_child_is_up_when_the_store_says_so() -> None:
    def asks(ctx):
        yield ctx.promise()

    def body(ctx):
        try:
            yield ctx.run(asks).options(timeout=3)
        except TimedOut:
            return "late"

    clock = ManualClock()
    bench = Bench(body, clock, SlowToAnswer(clock))

    assert bench.attempt().departure is Departure.SETTLED
    assert bench.value() == "late"
