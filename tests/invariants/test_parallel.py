"""Children at the same time: their order of completion decides nothing."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence

import pytest

from durable_celery.journal import Entry
from durable_celery.promise import State
from tests.invariants.steps import HOUR, step
from tests.simulation.benches import LocalBench
from tests.simulation.faulty import Kind
from tests.simulation.ledger import LEDGER, did
from tests.simulation.world import ROOT, Shape, World

NAMES = ("a", "b", "c")


class Turns:
    """Lets the children end in one order: each waits until those before it are recorded."""

    def __init__(self, order: Sequence[str]) -> None:
        self.order = list(order)
        self.all_there = threading.Barrier(len(self.order))

    def child(self, name: str) -> str:
        did(name)
        if LEDGER.recorded.isdisjoint(self.order):
            self.all_there.wait(10)
        before = set(self.order[: self.order.index(name)])
        for _ in range(20_000):
            if before <= LEDGER.recorded:
                return name.upper()
            threading.Event().wait(0.0005)
        raise AssertionError(f"{name}: {before} never came")


@pytest.mark.parametrize("order", list(itertools.permutations(NAMES)), ids="".join)
@pytest.mark.parametrize("how", ["begun", "gathered"])
def test_children_that_complete_in_any_order_leave_the_same_journal(order: Sequence[str], how: str) -> None:
    turns = Turns(order)

    def body(ctx):
        if how == "gathered":
            return (yield ctx.gather(*[ctx.run(turns.child, name) for name in NAMES]))
        begun = [ctx.begin_run(turns.child, name) for name in NAMES]
        values = []
        for child in begun:
            values.append((yield child))
        return values

    world = World(LocalBench(), Shape(name="body", functions=(body,), value=["A", "B", "C"], sequential=False)).play()

    world.check_end()
    entries = {path: Entry.decode(text) for path, text in world.journal().items()}
    assert {path: (entry.kind, entry.name, entry.payload) for path, entry in entries.items()} == {
        "1": ("run", "child", '"A"'),
        "2": ("run", "child", '"B"'),
        "3": ("run", "child", '"C"'),
    }
    assert list(entries) == [str(NAMES.index(name) + 1) for name in order]


def far(ctx, name):
    return ctx.run(step, f"far {name}", name.upper()).get()


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_remote_children_that_complete_in_any_order_give_their_values_in_the_order_asked(order: Sequence[int]) -> None:
    def body(ctx):
        return (yield ctx.gather(*[ctx.rpc(far, name) for name in NAMES]))

    world = World(LocalBench(), Shape(name="body", functions=(body, far), value=["A", "B", "C"]))
    world.submit()
    world.work(world.messages.popleft())
    hints = sorted(world.messages)
    world.messages.clear()
    world.messages.extend(hints[number] for number in order)
    world.go_on()

    world.check_end()
    assert sorted(world.journal()) == ["1", "1!", "2", "2!", "3", "3!"]


# The first error of a gather is what the body saw, whatever fails after it


class Failed(Exception):
    """Raised by children that fail."""


def failing(ctx, name):
    yield ctx.run(step, f"try {name}")
    raise Failed(name)


def first_error(ctx):
    try:
        yield ctx.gather(*[ctx.rpc(failing, name) for name in NAMES])
    except Failed as error:
        seen = yield ctx.run(step, "note the error", str(error))
        yield ctx.sleep(HOUR)
        return [seen, str(error)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_gather_that_failed_raises_the_same_error_in_every_replay(order: Sequence[int]) -> None:
    """Those that fail later are in the journal as well by the time it is replayed."""
    world = World(LocalBench(), Shape(name="first_error", functions=(first_error, failing)))
    world.submit()
    world.work(world.messages.popleft())
    hints = sorted(world.messages)
    world.messages.clear()
    for number in order:
        world.work(hints[number])
        while world.messages:
            world.work(world.messages.popleft())
    world.go_on()

    assert world.outcome() == (State.RESOLVED, [NAMES[order[0]]] * 2)


def test_a_local_gather_that_failed_raises_the_same_error_in_every_replay() -> None:
    """The second child fails while the first is still at it; then the first fails too.

    A crash before the body saw an error leaves the choice open: only what it saw is bound to stay.
    """
    turns = Turns(("b", "a"))
    saw: list[str] = []

    def local(name):
        turns.child(name)
        raise Failed(name)

    def body(ctx):
        one, two = ctx.run(local, "a"), ctx.run(local, "b")
        try:
            yield ctx.gather(one, two)
        except Failed as error:
            saw.append(str(error))
        try:
            yield one
        except Failed:
            return saw[0] + (yield ctx.run(step, "after", "!"))

    def play(faults: dict[int, Kind]) -> World:
        turns.__init__(("b", "a"))
        saw.clear()
        return World(LocalBench(), Shape(name="body", functions=(body,), sequential=False), faults).play()

    calls = play({}).injector.calls

    for number in range(3, len(calls)):
        world = play({number: Kind.CRASH_AFTER})
        assert len(set(saw)) == 1, number
        assert world.outcome() == (State.RESOLVED, f"{saw[0]}!")


# Gathers inside gathers


def test_a_gather_within_a_gather_that_fails_fast_wakes_the_outer_one() -> None:
    def body(ctx):
        never = ctx.promise()
        inner = ctx.gather(ctx.rpc(failing, "a"), never)
        both = yield ctx.gather(inner, ctx.rpc(far, "b"), return_exceptions=True)
        return [str(both[0]), both[1]]

    world = World(LocalBench(), Shape(name="body", functions=(body, failing, far), value=["a", "B"]))
    world.submit()
    for _ in range(60):
        if world.messages:
            world.work(world.messages.popleft())
        elif not world.promise().state.settled:
            world.let_time_pass()

    assert world.outcome() == (State.RESOLVED, ["a", "B"])


def test_nothing_gathered_is_there_at_once() -> None:
    async def body(ctx):
        return [await ctx.gather(), await ctx.gather(ctx.gather())]

    world = World(LocalBench(), Shape(name="body", functions=(body,), value=[[], [[]]])).play()

    world.check_end()


# What is left running when a local child fails


def test_a_grandchild_that_is_still_at_work_is_waited_for_before_the_execution_is_settled() -> None:
    turns = Turns(("fails", "slow"))

    def failing_child(ctx):
        async def fails():
            turns.child("fails")
            raise Failed("fails")

        return ctx.gather(ctx.run(turns.child, "slow"), ctx.run(fails)).get()

    def body(ctx):
        try:
            ctx.run(failing_child).get()
        except Failed:
            return "caught"

    for _ in range(20):
        turns.__init__(("fails", "slow"))
        world = World(LocalBench(), Shape(name="body", functions=(body,), value="caught", steps=2)).play()
        world.check_end()
        assert [left.value for left in world.departed()] == ["settled"]
        assert world.promise(ROOT).attempt == 1
