"""The executions that are broken at every point. Each step says what it did, under a label of its own."""

from __future__ import annotations

import threading
from typing import Any

from durable_celery import AlreadySettled, VirtualObject, Workflow
from durable_celery.promise import State
from tests.invariants import written
from tests.simulation.ledger import ACTOR, LEDGER, did
from tests.simulation.world import Shape

HOUR = 3600


def step(label: str, value: Any = None) -> Any:
    did(label)
    return value


async def async_step(label: str, value: Any = None) -> Any:
    did(label)
    return value


# Steps one after the other


def sequence(ctx, order):
    reserved = yield ctx.run(step, "reserve", f"{order} reserved")
    charged = yield ctx.run(async_step, "charge", [reserved, "charged"])
    key = yield ctx.uuid()
    again = yield ctx.run(step, "note", str(key))
    shipped = yield ctx.run(step, "ship", {"order": charged})
    return [shipped, again == str(key)]


# Local children on threads of their own. The order of their checkpoints is fixed:
# the first returns when both have begun, the second when the first is recorded.


def first_of_two(begun: threading.Event) -> str:
    did("first")
    _until(lambda: begun.is_set() or "second" in LEDGER.recorded)
    return "one"


def second_of_two(begun: threading.Event) -> str:
    did("second")
    begun.set()
    actor = ACTOR.get()
    _until(lambda: "first" in LEDGER.recorded or actor.troubled)
    return "two"


def _until(there: Any) -> None:
    """Look until it is so: the other thread is on its way."""
    for _ in range(20_000):
        if there():
            return
        threading.Event().wait(0.0005)
    raise AssertionError("the other child never came so far")


def parallel(ctx):
    begun = threading.Event()
    first = ctx.begin_run(first_of_two, begun)
    second = ctx.begin_run(second_of_two, begun)
    both = [(yield second), (yield first)]
    both.append((yield ctx.run(step, "after both", "three")))
    return both


# A child as an execution of its own


async def remote(ctx):
    before = await ctx.run(step, "before the child", 1)
    inside = await ctx.rpc(remote_child, before)
    after = await ctx.run(step, "after the child", inside + 1)
    return after * 10


async def remote_child(ctx, number):
    return await ctx.run(step, "in the child", number + 1)


# Several of them at once


def fan_out(ctx, names):
    children = [ctx.begin_rpc(one_of_many, name) for name in names]
    values = yield ctx.gather(*children)
    return (yield ctx.run(step, "join", "".join(values)))


def one_of_many(ctx, name):
    return (yield ctx.run(step, f"make {name}", name.upper()))


# A child that is done long before anybody waits for it


def late(ctx):
    child = ctx.begin_rpc(remote_child, 1)
    yield ctx.sleep(HOUR)
    before = yield ctx.run(step, "before joining", 1)
    return before + (yield child)


# Time


def sleeper(ctx):
    before = ctx.run(step, "before sleep", "a").get()
    ctx.sleep(hours=1).get()
    between = ctx.run(step, "between", "b").get()
    ctx.sleep(2 * HOUR).get()
    return before + between + ctx.run(step, "after sleep", "c").get()


# Somebody outside


def approval(ctx):
    asked = ctx.promise(data="please")
    yield ctx.run(step, "ask", asked.id)
    answer = yield asked
    return (yield ctx.run(step, "obey", f"{answer}!"))


# Bodies inside bodies, and a child that sleeps in the middle


def nested(ctx):
    one = yield ctx.run(inner, "x")
    two = yield ctx.run(inner, "y")
    return one + two


async def inner(ctx, name):
    first = await ctx.run(step, f"{name} first", name)
    deep = await ctx.run(innermost, name)
    await ctx.sleep(HOUR)
    return first + deep + await ctx.run(step, f"{name} last", ".")


def innermost(ctx, name):
    return ctx.run(step, f"{name} deep", name * 2).get()


# What failed is undone


class Broken(Exception):
    """Raised by the step that fails."""


def fails(label: str) -> None:
    did(label)
    raise Broken(label, "no stock")


async def compensation(ctx):
    await ctx.run(step, "book flight", "flight")
    try:
        await ctx.rpc(book_hotel)
    except Broken as error:
        await ctx.run(step, "cancel flight", "undone")
        return ["undone", list(error.args)]
    return "booked"


def book_hotel(ctx):
    yield ctx.run(step, "look for rooms")
    yield ctx.run(fails, "book room")


def failure(ctx):
    yield ctx.run(step, "prepare")
    yield ctx.run(fails, "perform")


# A body that tries to swallow everything


def catcher(ctx):
    seen = []
    for label in ("one", "two"):
        try:
            seen.append((yield ctx.run(step, label, label)))
        except Exception:
            seen.append("swallowed")
    try:
        seen.append((yield ctx.rpc(remote_child, 1)))
    except Exception:
        seen.append("swallowed")
    return seen


# Everything at once


def mixed(ctx):
    asked = ctx.promise()
    child = ctx.begin_rpc(remote_child, 1)
    yield ctx.run(step, "in front", 0)
    timer = ctx.sleep(HOUR)
    answer, inside, _ = yield ctx.gather(asked, child, timer)
    return (yield ctx.run(step, "behind", [answer, inside]))


# Virtual objects and workflows

Counter, Signup = VirtualObject("Counter"), Workflow("Signup")


@Counter.handler()
def add(ctx, n: int) -> Any:
    before = (yield ctx.get("total")) or 0
    ctx.set("total", before + n)
    ctx.set(str(n), (yield ctx.run(step, f"add {n}", n)))
    return [before + n, (yield ctx.state_keys())]


@Counter.handler(kind="shared")
async def total(ctx) -> Any:
    seen = await ctx.get("total")
    await ctx.run(step, "look")
    return seen


async def counting(ctx):
    """Three changes of one key, the last two asked for at once, and a look at the sum."""
    first = await ctx.object_call(add, "k", 1)
    second, third = await ctx.gather(ctx.object_call(add, "k", 2), ctx.object_call(add, "k", 3))
    return [first, second, third, await ctx.object_call(total, "k")]


@Signup.main()
async def run(ctx, mail: str) -> Any:
    ctx.set("step", "mailed")
    await ctx.run(step, "mail")
    clicked = await ctx.promise("clicked").value()
    ctx.set("step", "over")
    return [mail, clicked, await ctx.get("step")]


@Signup.handler()
def click(ctx, secret: str) -> Any:
    try:
        yield ctx.promise("clicked").resolve(secret)
    except AlreadySettled:
        pass  # somebody outside was first
    return (yield ctx.promise("clicked").peek())


def signing_up(ctx):
    """A workflow that is started, told something, and waited for."""
    started = yield ctx.workflow_send(run, "ann", "a@b").invocation_id()
    peeked = yield ctx.workflow_call(click, "ann", "s3cret")
    return [started, peeked, (yield ctx.workflow_call(run, "ann", "a@b"))]


async def waking(ctx):
    """An awakeable that is resolved by the one who waits for it."""
    awakeable_id, answer = ctx.awakeable()
    await ctx.run(step, "hand out")
    await ctx.resolve_awakeable(awakeable_id, "yes")
    return await answer


SHAPES = (
    Shape(
        name="sequence",
        functions=(sequence,),
        args=("tea",),
        value=[{"order": ["tea reserved", "charged"]}, True],
        steps=4,
    ),
    Shape(name="parallel", functions=(parallel,), value=["two", "one", "three"], steps=3, sequential=False),
    Shape(name="remote", functions=(remote, remote_child), value=30, steps=3),
    Shape(name="fan out", functions=(fan_out, one_of_many), args=(["a", "b", "c"],), value="ABC", steps=4),
    Shape(name="late", functions=(late, remote_child), value=3, steps=2),
    Shape(name="sleeper", functions=(sleeper,), value="abc", steps=3),
    Shape(name="approval", functions=(approval,), value="yes!", outside="yes", steps=2),
    Shape(name="nested", functions=(nested,), value="xxx.yyy.", steps=6),
    Shape(
        name="compensation",
        functions=(compensation, book_hotel),
        value=["undone", ["book room", "no stock"]],
        steps=4,
    ),
    Shape(
        name="failure",
        functions=(failure,),
        state=State.REJECTED,
        value="Broken: ('perform', 'no stock')",
        steps=2,
    ),
    Shape(name="catcher", functions=(catcher, remote_child), value=["one", "two", 2], steps=3),
    Shape(name="mixed", functions=(mixed, remote_child), value=["yes", 2], outside="yes", steps=3),
    # The first of several, tries, and what is undone
    Shape(
        name="racing",
        functions=(written.racing, written.sleeps),
        value=["child", 1, "timer", "yes"],
        outside="yes",
        steps=5,
    ),
    Shape(name="in turn", functions=(written.in_turn, written.sleeps), value=[1, 2, 3], steps=6),
    Shape(name="limited", functions=(written.limited, written.sleeps), value=["too slow", 1], steps=4),
    Shape(name="retried", functions=(written.retried,), value=[3, ["hopeless", 3]], steps=7),
    Shape(
        name="undone",
        functions=(written.undone,),
        state=State.REJECTED,
        value="OutOfStock: ('tea', 0)",
        steps=5,
    ),
    # Virtual objects and workflows
    Shape(
        name="counting",
        functions=(counting,),
        services=(Counter,),
        value=[[1, ["1", "total"]], [3, ["1", "2", "total"]], [6, ["1", "2", "3", "total"]], 6],
        steps=4,
    ),
    Shape(
        name="signing up",
        functions=(signing_up,),
        services=(Signup,),
        value=["Signup:ann:run", "s3cret", ["a@b", "s3cret", "over"]],
        outside="s3cret",
        steps=1,
        sequential=False,
    ),
    Shape(name="waking", functions=(waking,), value="yes", steps=1),
)
