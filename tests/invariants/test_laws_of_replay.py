"""The laws of replay, over a corpus of shapes: whatever was recorded when a worker died, the end is the same.

Each law drives the real engine by hand on a LocalStore: no threads but the
shape's own, and a clock that moves when told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from durable_celery import Context, LocalStore
from durable_celery.clock import ManualClock
from durable_celery.codec import Codec
from durable_celery.engine import Departure, Engine, Left
from durable_celery.lease import Keeper
from durable_celery.newpromise import NewPromise
from durable_celery.promise import Outcome, State
from durable_celery.registry import Registered, Registry
from durable_celery.store import Claimed, Ready


class Crash(BaseException):
    """The worker is gone."""


class World:
    """A store, an engine, and a list of steps that really ran."""

    def __init__(self, body: Callable[..., Any]) -> None:
        self.clock = ManualClock()
        self.store = LocalStore(self.clock)
        self.ran: list[str] = []
        self.crash_after: int | None = None
        self.hints: list[str] = []
        registry, codec = Registry(), Codec()
        for fn in (body, child):
            registry.add(Registered(fn.__name__, 1, fn))
        self.engine = Engine(
            store=self.store,
            codec=codec,
            registry=registry,
            keeper=Keeper(self.store, self.clock),
            clock=self.clock,
            publish=self.publish,
            lease_ms=10_000,
        )
        self.store.create(NewPromise(id="e", function=body.__name__, args="[[],{}]"))
        self.hints.append("e")

    def publish(self, ready: Sequence[Ready]) -> None:
        self.hints += [row.id for row in ready]

    def attempt(self, promise_id: str) -> Left | None:
        global world
        world = self
        try:
            return self.engine.attempt(promise_id, "n/1")
        except Crash:
            return None

    def finish(self) -> Outcome:
        """Deliver hints, and let time pass when there are none, until the execution is settled."""
        for _ in range(300):
            promise = self.store.get("e")
            if promise.state.settled:
                return Outcome(promise.state, promise.value)
            if self.hints:
                self.attempt(self.hints.pop(0))
                continue
            self.settle_what_is_waited_for()
            self.clock.advance(seconds=11)
            self.publish(self.store.sweep(1000).ready)
        raise AssertionError(f"never settled: {self.store.read('e')}")

    def settle_what_is_waited_for(self) -> None:
        for path, text in self.store.read("e")[1].items():
            if text.startswith("promise P") and path + "!" not in self.store.read("e")[1]:
                self.store.settle(text.partition("\n")[2], State.RESOLVED, '"signal"')


world: World


def step(name: str) -> str:
    world.ran.append(name)
    if world.crash_after is not None and len(world.ran) > world.crash_after:
        world.crash_after = None
        raise Crash
    return name


def bad(name: str) -> None:
    step(name)
    raise ValueError(name)


def child(ctx: Context, n: int) -> Any:
    yield ctx.run(step, f"child-{n}")
    return (n, {n: "tuple and int key"})


def sequence(ctx: Context) -> Any:
    done = []
    for n in range(5):
        done.append((yield ctx.run(step, str(n))))
    return done


def nested(ctx: Context) -> Any:
    def inner(ctx: Context, tag: str) -> Any:
        a = yield ctx.run(step, tag + "1")
        return a + (yield ctx.run(step, tag + "2"))

    return [(yield ctx.run(inner, "a")), (yield ctx.run(inner, "b"))]


async def remote(ctx: Context) -> Any:
    first = await ctx.rpc(child, 1)
    await ctx.run(step, "between")
    return [first, await ctx.gather(ctx.rpc(child, 2), ctx.rpc(child, 3))]


def naps(ctx: Context) -> Any:
    ctx.run(step, "before").get()
    ctx.sleep(600).get()
    return ctx.run(step, "after").get()


def signals(ctx: Context) -> Any:
    ctx.run(step, "ask").get()
    answer = ctx.promise().get()
    return [answer, ctx.run(step, "answered").get()]


def catches(ctx: Context) -> Any:
    try:
        yield ctx.run(bad, "bad")
    except ValueError as error:
        yield ctx.run(step, "undo")
        return f"undone: {error}"


def fails(ctx: Context) -> Any:
    yield ctx.run(step, "one")
    yield ctx.run(bad, "two")


def values(ctx: Context) -> Any:
    when, which = ctx.time().get(), ctx.uuid().get()
    ctx.run(step, "uses them").get()
    return [when, which]


CORPUS = [sequence, nested, remote, naps, signals, catches, fails, values]


@pytest.fixture(params=CORPUS, ids=lambda shape: shape.__name__)
def shape(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return request.param


def comparable(shape: Callable[..., Any], outcome: Outcome) -> object:
    """What must be equal between two worlds: recorded values differ, and tracebacks."""
    if shape is values:
        return outcome.state
    return outcome if outcome.resolved else (outcome.state, Codec().decode(outcome.value)["args"])


def test_whatever_step_a_worker_dies_in_the_end_is_the_same_and_no_recorded_step_ran_again(
    shape: Callable[..., Any],
) -> None:
    undisturbed = World(shape)
    expected = comparable(shape, undisturbed.finish())
    names = sorted(undisturbed.ran)
    for died_in in range(len(names)):
        disturbed = World(shape)
        disturbed.crash_after = died_in
        assert comparable(shape, disturbed.finish()) == expected
        assert len(disturbed.ran) == len(names) + 1, "the step cut off runs once more, no other"
        assert sorted(set(disturbed.ran)) == sorted(set(names))


def test_the_journal_is_the_same_after_a_crash(shape: Callable[..., Any]) -> None:
    undisturbed, disturbed = World(shape), World(shape)
    disturbed.crash_after = 0
    undisturbed.finish()
    disturbed.finish()
    paths = [
        {path: text.split(" ")[0] for path, text in w.store.read("e")[1].items()} for w in (undisturbed, disturbed)
    ]
    assert {p for p in paths[0] if "!" not in p} == {p for p in paths[1] if "!" not in p}


def test_replaying_a_whole_journal_executes_nothing_and_ends_the_same(shape: Callable[..., Any]) -> None:
    first = World(shape)
    outcome = first.finish()
    again = World(shape)
    claimed = again.store.claim("e", "n/0", 10_000)
    assert isinstance(claimed, Claimed)
    again.store.checkpoint(claimed.hold, 0, list(first.store.read("e")[1].items()))
    again.store.release(claimed.hold)
    left = again.attempt("e")
    assert left is not None
    assert left.departure is Departure.SETTLED
    assert again.ran == []
    assert left.outcome is not None
    assert (left.outcome.state, comparable(shape, left.outcome)) == (outcome.state, comparable(shape, outcome))


def test_a_live_value_is_what_a_replay_will_give() -> None:
    seen: list[object] = []

    def looks(ctx: Context) -> Any:
        seen.append(ctx.run(lambda: {"t": (1, 2), 3: "three"}).get())
        ctx.promise().get()
        return None

    World(looks).finish()
    assert seen == [{"t": [1, 2], "3": "three"}] * 2


def test_code_that_does_not_fit_executes_nothing_and_goes_on_when_it_fits_again() -> None:
    code = {"old": True}

    def changes(ctx: Context) -> Any:
        (ctx.run(step, "old") if code["old"] else ctx.run(bad, "new")).get()
        return ctx.promise().get()

    w = World(changes)
    assert w.attempt(w.hints.pop()).departure is Departure.SUSPENDED  # type: ignore[union-attr]
    code["old"] = False
    w.settle_what_is_waited_for()
    w.publish(w.store.sweep(5).ready)
    w.clock.advance(seconds=3)
    w.publish(w.store.sweep(5).ready)
    left = w.attempt("e")
    assert left is not None
    assert left.departure is Departure.PARKED
    assert "run(step) at position 1" in left.reason
    assert "run(bad)" in left.reason
    assert w.ran == ["old"]
    code["old"] = True
    w.publish(w.store.resume("e"))
    assert w.finish().value == '"signal"'
    assert w.ran == ["old"]
