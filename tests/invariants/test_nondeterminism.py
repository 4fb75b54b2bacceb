"""Code that does not fit its journal: nothing is executed, the execution waits for the old code, and goes on."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from durable_celery.engine import Departure
from durable_celery.promise import Phase, State
from durable_celery.registry import Registered, Registry
from tests.invariants.steps import HOUR, step
from tests.simulation.benches import LocalBench
from tests.simulation.faulty import Kind
from tests.simulation.ledger import LEDGER, did
from tests.simulation.world import ROOT, Shape, World

Body = Callable[..., Any]


def reserve() -> str:
    did("reserve")
    return "reserved"


def charge() -> str:
    did("charge")
    return "charged"


def refund() -> str:
    did("refund")
    return "refunded"


def far_away(ctx):
    return ctx.run(step, "far away", "far").get()


def elsewhere(ctx):
    return ctx.run(step, "elsewhere", "else").get()


def deploy(world: World, body: Body) -> None:
    """From now on workers have this code under the old name."""
    name = world.shape.functions[0].__name__
    world.registry = Registry()
    for fn in (far_away, elsewhere):
        world.registry.add(Registered(fn.__name__, 1, fn))
    world.registry.add(Registered(name, 1, body))


def interrupted(body: Body, value: Any, after: str) -> World:
    """The body's history up to the first call of this kind after which its worker died."""
    shape = Shape(name=body.__name__, functions=(body, far_away, elsewhere), value=value)
    calls = World(LocalBench(), shape).play().injector.calls
    number = [n for n, call in enumerate(calls) if call.endswith(after)][-1]
    world = World(LocalBench(), shape, {number: Kind.CRASH_AFTER})
    world.submit()
    while not world.injector.hit:
        world.work(world.messages.popleft()) if world.messages else world.let_time_pass()
    return world


# What was deployed first, and what it was changed to


def order(ctx):
    return [ctx.run(reserve).get(), ctx.run(charge).get()]


def renamed(ctx):
    return [ctx.run(reserve).get(), ctx.run(refund).get()]


def swapped(ctx):
    charged = ctx.run(charge).get()
    return [ctx.run(reserve).get(), charged]


def inserted(ctx):
    ctx.run(refund).get()
    return [ctx.run(reserve).get(), ctx.run(charge).get()]


def removed(ctx):
    return [ctx.run(reserve).get()]


def timed(ctx):
    ctx.sleep(HOUR).get()
    return [ctx.run(reserve).get(), ctx.run(charge).get()]


def remotely(ctx):
    return [ctx.rpc(far_away).get(), ctx.run(charge).get()]


def begun_renamed(ctx):
    first = ctx.begin_run(refund)
    return [first.get(), ctx.run(charge).get()]


def begun_remotely(ctx):
    first = ctx.begin_rpc(far_away)
    return [first.get(), ctx.run(charge).get()]


def promised(ctx):
    asked = ctx.promise()
    return [ctx.run(reserve).get(), asked.get()]


async def inner_order(ctx):
    return [await ctx.run(reserve), await ctx.run(charge)]


async def outer(ctx):
    both = await ctx.run(inner_order)
    return [both, await ctx.run(refund)]


async def changed_inside(ctx):
    async def inner_order(ctx):
        return [await ctx.run(charge), await ctx.run(reserve)]

    both = await ctx.run(inner_order)
    return [both, await ctx.run(refund)]


def with_remote(ctx):
    first = yield ctx.rpc(far_away)
    return [first, (yield ctx.run(reserve))]


def with_another(ctx):
    first = yield ctx.rpc(elsewhere)
    return [first, (yield ctx.run(reserve))]


def with_made(ctx):
    made = yield ctx.uuid()
    return [type(made).__name__, (yield ctx.run(reserve)), (yield ctx.run(charge))]


def with_other_made(ctx):
    made = yield ctx.random()
    return [type(made).__name__, (yield ctx.run(reserve)), (yield ctx.run(charge))]


ORDER = (order, ["reserved", "charged"], "checkpoint")
CHANGES = [
    (*ORDER, renamed, "run(charge) at position 2", "run(refund)"),
    (*ORDER, swapped, "run(reserve) at position 1", "run(charge)"),
    (*ORDER, inserted, "run(reserve) at position 1", "run(refund)"),
    (*ORDER, removed, "run(charge) at position 2", "a return"),
    (*ORDER, timed, "run(reserve) at position 1", "sleep(timer)"),
    (*ORDER, remotely, "run(reserve) at position 1", "rpc(far_away)"),
    (*ORDER, begun_renamed, "run(reserve) at position 1", "run(refund)"),
    (*ORDER, begun_remotely, "run(reserve) at position 1", "rpc(far_away)"),
    (*ORDER, promised, "run(reserve) at position 1", "promise(external)"),
    (with_remote, ["far", "reserved"], "checkpoint", with_another, "rpc(far_away) at position 1", "rpc(elsewhere)"),
    (
        with_made,
        ["UUID", "reserved", "charged"],
        "checkpoint",
        with_other_made,
        "value(uuid) at position 1",
        "value(random)",
    ),
]


@pytest.mark.parametrize(
    ("old", "value", "after", "new", "recorded", "found"), CHANGES, ids=[change[3].__name__ for change in CHANGES]
)
def test_changed_code_is_parked_before_it_executes_anything(
    old: Body, value: Any, after: str, new: Body, recorded: str, found: str
) -> None:
    world = interrupted(old, value, after)
    executed, journal = dict(LEDGER.begun), world.journal()

    deploy(world, new)
    world.go_on()

    assert world.departed()[-1] is Departure.PARKED
    assert world.promise().phase is Phase.PARKED
    assert world.promise().state is State.PENDING
    assert dict(LEDGER.begun) == executed
    assert world.journal() == journal
    reason = world.promise().reason
    assert f"the journal has {recorded}" in reason
    assert f"now asks for {found}" in reason
    assert "Bring the old code back" in reason
    assert re.search(r"at .*test_nondeterminism\.py:\d+ now", reason) or found == "a return"


@pytest.mark.parametrize(
    ("old", "value", "after", "new", "recorded", "found"), CHANGES, ids=[change[3].__name__ for change in CHANGES]
)
def test_with_the_old_code_back_it_goes_on(
    old: Body, value: Any, after: str, new: Body, recorded: str, found: str
) -> None:
    world = interrupted(old, value, after)
    deploy(world, new)
    world.go_on()

    deploy(world, old)
    world.publish(world.store(world.actor("client")).resume(ROOT))
    world.go_on()

    assert world.outcome() == (State.RESOLVED, value)
    assert set(LEDGER.begun.values()) == {1}


def test_a_change_inside_a_local_child_that_is_not_done_is_seen_as_well() -> None:
    shape = Shape(name="outer", functions=(outer,))
    world = World(LocalBench(), shape, {3: Kind.CRASH_AFTER})
    world.submit()
    world.work(world.messages.popleft())
    assert list(world.journal()) == ["1.1", "1.2"]

    deploy(world, changed_inside)
    world.go_on()

    assert "run(reserve) at position 1.1" in world.promise().reason
    assert LEDGER.begun == {"reserve": 1, "charge": 1}


def test_inside_a_local_child_that_is_recorded_code_may_change() -> None:
    shape = Shape(name="outer", functions=(outer,))
    world = World(LocalBench(), shape, {4: Kind.CRASH_AFTER})
    world.submit()
    world.work(world.messages.popleft())
    assert "1" in world.journal()

    deploy(world, changed_inside)
    world.go_on()

    assert world.outcome() == (State.RESOLVED, [["reserved", "charged"], "refunded"])


def test_new_operations_at_the_end_are_welcome() -> None:
    def longer(ctx):
        return [ctx.run(reserve).get(), ctx.run(charge).get(), ctx.run(refund).get()]

    world = interrupted(*ORDER)
    deploy(world, longer)
    world.go_on()

    assert world.outcome() == (State.RESOLVED, ["reserved", "charged", "refunded"])
    assert LEDGER.extra == 0


def test_a_body_cannot_swallow_it_and_go_on_to_execute_something() -> None:
    """Only a bare `except:` gets hold of it; nothing begins after that either."""

    def swallowing(ctx):
        for _ in range(2):
            try:
                ctx.run(refund).get()
            except BaseException:  # what nobody should write
                pass
        return ctx.run(refund).get()

    world = interrupted(*ORDER)
    deploy(world, swallowing)
    world.go_on()

    assert world.promise().phase is Phase.PARKED
    assert "refund" not in LEDGER.begun
    assert "run(reserve) at position 1" in world.promise().reason
