"""The corpus as generators: a body yields its operations."""

from __future__ import annotations

from tests.invariants import written
from tests.invariants.steps import HOUR, OutOfStock, async_step, described, failing, odd_values, step, tell


def empty(ctx, word):
    return word
    yield


def sequence(ctx, order):
    reserved = yield ctx.run(step, "reserve", [order, "reserved"])
    charged = yield ctx.lfc(step, "charge", [*reserved, "charged"])
    return (yield ctx.run(step, "ship", [*charged, "shipped"]))


def loop(ctx):
    total = 0
    for turn in range((yield ctx.run(step, "how often", 3))):
        total += yield ctx.run(step, f"turn {turn}", turn)
    return total


def async_steps(ctx):
    one = yield ctx.run(async_step, "first", 1)
    two = yield ctx.run(step, "second", one + 1)
    return (yield ctx.run(async_step, "third", two + 1))


def nested(ctx):
    one = yield ctx.run(inner, "x")
    two = yield ctx.run(inner, "y")
    return one + two


def inner(ctx, name):
    first = yield ctx.run(step, f"{name} first", name)
    deep = yield ctx.run(innermost, name)
    return first + deep


def innermost(ctx, name):
    return (yield ctx.run(step, f"{name} deep", name.upper()))


def parallel(ctx):
    one = ctx.begin_run(step, "one", 1)
    two = yield ctx.lfi(step, "two", 2)
    three = yield ctx.begin_run(step, "three", 3)
    return [(yield three), (yield two), (yield one)]


def parallel_bodies(ctx):
    one = ctx.begin_run(inner, "x")
    two = ctx.begin_run(inner, "y")
    first = yield one
    return first + (yield two)


def remote(ctx):
    before = yield ctx.run(step, "before", 1)
    inside = yield ctx.rpc(remote_child, before)
    return (yield ctx.run(step, "after", inside * 10))


def remote_child(ctx, number):
    return (yield ctx.run(step, f"inside {number}", number + 1))


def fan_out(ctx):
    children = []
    for number in (1, 2, 3):
        children.append((yield ctx.begin_rpc(remote_child, number)))
    return (yield ctx.gather(*children))


def gather_local(ctx):
    return (yield ctx.gather(*[ctx.run(step, name, name) for name in "abc"]))


def gather_everything(ctx):
    asked = ctx.promise()
    values = yield ctx.gather(asked, ctx.rpc(remote_child, 1), ctx.sleep(HOUR), ctx.run(step, "local", "l"))
    return values


def gather_errors(ctx):
    good, bad, far = yield ctx.gather(
        ctx.run(step, "good", "good"),
        ctx.run(failing, "bad", "tea", 0),
        ctx.rpc(remote_failure, "milk"),
        return_exceptions=True,
    )
    return [good, type(bad).__name__, list(bad.args), type(far).__name__, list(far.args)]


def remote_failure(ctx, article):
    yield ctx.run(failing, f"look for {article}", article, 0)


def compensation(ctx):
    flight = yield ctx.run(step, "book flight", "flight")
    try:
        yield ctx.rpc(remote_failure, "room")
    except OutOfStock as error:
        yield ctx.run(step, "cancel flight", flight)
        return list(error.args)


def failure(ctx):
    yield ctx.run(step, "prepare")
    yield ctx.run(failing, "perform", "tea", 3)


def sleeper(ctx):
    before = yield ctx.run(step, "before sleep", "a")
    yield ctx.sleep(hours=1)
    after = yield ctx.run(step, "after sleep", "b")
    return before + after


def approval(ctx):
    asked = ctx.promise(data={"for": "approval"})
    yield ctx.run(step, "ask", asked.id)
    return [(yield asked), asked.id]


def recorded(ctx):
    made = [(yield ctx.time()), (yield ctx.now()), (yield ctx.random()), (yield ctx.uuid())]
    seen = yield ctx.run(tell, [described(value) for value in made])
    return [seen == [described(value) for value in made], [type(value).__name__ for value in made]]


def detached(ctx):
    started = yield ctx.detached(remote_child, 5)
    return [started, (yield ctx.run(step, "go on", "at once"))]


def values(ctx):
    value = yield ctx.run(odd_values, "make")
    return described(value)


def never_joined(ctx):
    yield ctx.begin_run(step, "left alone", 1)
    yield ctx.begin_rpc(remote_child, 2)
    return "done"


sleeps, racing, in_turn, limited, retried, undone = written.ALL
