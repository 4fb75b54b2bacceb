"""The corpus as plain functions: a body calls `.get()` on its operations."""

from __future__ import annotations

from tests.fundamentals import styles
from tests.invariants import written
from tests.invariants.steps import HOUR, OutOfStock, async_step, described, failing, odd_values, step, tell


def empty(ctx, word):
    return word


def sequence(ctx, order):
    reserved = ctx.run(step, "reserve", [order, "reserved"]).get()
    charged = ctx.lfc(step, "charge", [*reserved, "charged"]).get()
    return ctx.run(step, "ship", [*charged, "shipped"]).get()


def loop(ctx):
    total = 0
    for turn in range(ctx.run(step, "how often", 3).get()):
        total += ctx.run(step, f"turn {turn}", turn).get()
    return total


def async_steps(ctx):
    one = ctx.run(async_step, "first", 1).get()
    two = ctx.run(step, "second", one + 1).get()
    return ctx.run(async_step, "third", two + 1).get()


def nested(ctx):
    return ctx.run(inner, "x").get() + ctx.run(inner, "y").get()


def inner(ctx, name):
    first = ctx.run(step, f"{name} first", name).get()
    return first + ctx.run(innermost, name).get()


def innermost(ctx, name):
    return ctx.run(step, f"{name} deep", name.upper()).get()


def parallel(ctx):
    one = ctx.begin_run(step, "one", 1)
    two = ctx.lfi(step, "two", 2)
    three = ctx.begin_run(step, "three", 3)
    return [three.get(), two.get(), one.get()]


def parallel_bodies(ctx):
    one = ctx.begin_run(inner, "x")
    two = ctx.begin_run(inner, "y")
    return one.get() + two.get()


def remote(ctx):
    before = ctx.run(step, "before", 1).get()
    inside = ctx.rpc(remote_child, before).get()
    return ctx.run(step, "after", inside * 10).get()


def remote_child(ctx, number):
    return ctx.run(step, f"inside {number}", number + 1).get()


def fan_out(ctx):
    children = [ctx.begin_rpc(remote_child, number) for number in (1, 2, 3)]
    return ctx.gather(*children).get()


def gather_local(ctx):
    return ctx.gather(*[ctx.run(step, name, name) for name in "abc"]).get()


def gather_everything(ctx):
    asked = ctx.promise()
    return ctx.gather(asked, ctx.rpc(remote_child, 1), ctx.sleep(HOUR), ctx.run(step, "local", "l")).get()


def gather_errors(ctx):
    good, bad, far = ctx.gather(
        ctx.run(step, "good", "good"),
        ctx.run(failing, "bad", "tea", 0),
        ctx.rpc(remote_failure, "milk"),
        return_exceptions=True,
    ).get()
    return [good, type(bad).__name__, list(bad.args), type(far).__name__, list(far.args)]


def remote_failure(ctx, article):
    ctx.run(failing, f"look for {article}", article, 0).get()


def compensation(ctx):
    flight = ctx.run(step, "book flight", "flight").get()
    try:
        ctx.rpc(remote_failure, "room").get()
    except OutOfStock as error:
        ctx.run(step, "cancel flight", flight).get()
        return list(error.args)


def failure(ctx):
    ctx.run(step, "prepare").get()
    ctx.run(failing, "perform", "tea", 3).get()


def sleeper(ctx):
    before = ctx.run(step, "before sleep", "a").get()
    ctx.sleep(hours=1).get()
    after = ctx.run(step, "after sleep", "b").get()
    return before + after


def approval(ctx):
    asked = ctx.promise(data={"for": "approval"})
    ctx.run(step, "ask", asked.id).get()
    return [asked.get(), asked.id]


def recorded(ctx):
    made = [ctx.time().get(), ctx.now().get(), ctx.random().get(), ctx.uuid().get()]
    seen = ctx.run(tell, [described(value) for value in made]).get()
    return [seen == [described(value) for value in made], [type(value).__name__ for value in made]]


def detached(ctx):
    started = ctx.detached(remote_child, 5).get()
    return [started, ctx.run(step, "go on", "at once").get()]


def values(ctx):
    return described(ctx.run(odd_values, "make").get())


def never_joined(ctx):
    ctx.begin_run(step, "left alone", 1)
    ctx.begin_rpc(remote_child, 2)
    return "done"


sleeps, racing, in_turn, limited, retried, undone = (styles.plain(body) for body in written.ALL)
