"""The corpus as coroutines: a body awaits its operations."""

from __future__ import annotations

from tests.fundamentals import styles
from tests.invariants import written
from tests.invariants.steps import HOUR, OutOfStock, async_step, described, failing, odd_values, step, tell


async def empty(ctx, word):
    return word


async def sequence(ctx, order):
    reserved = await ctx.run(step, "reserve", [order, "reserved"])
    charged = await ctx.lfc(step, "charge", [*reserved, "charged"])
    return await ctx.run(step, "ship", [*charged, "shipped"])


async def loop(ctx):
    total = 0
    for turn in range(await ctx.run(step, "how often", 3)):
        total += await ctx.run(step, f"turn {turn}", turn)
    return total


async def async_steps(ctx):
    one = await ctx.run(async_step, "first", 1)
    two = await ctx.run(step, "second", one + 1)
    return await ctx.run(async_step, "third", two + 1)


async def nested(ctx):
    one = await ctx.run(inner, "x")
    two = await ctx.run(inner, "y")
    return one + two


async def inner(ctx, name):
    first = await ctx.run(step, f"{name} first", name)
    deep = await ctx.run(innermost, name)
    return first + deep


async def innermost(ctx, name):
    return await ctx.run(step, f"{name} deep", name.upper())


async def parallel(ctx):
    one = ctx.begin_run(step, "one", 1)
    two = ctx.lfi(step, "two", 2)
    three = ctx.begin_run(step, "three", 3)
    return [await three, await two, await one]


async def parallel_bodies(ctx):
    one = ctx.begin_run(inner, "x")
    two = ctx.begin_run(inner, "y")
    first = await one
    return first + await two


async def remote(ctx):
    before = await ctx.run(step, "before", 1)
    inside = await ctx.rpc(remote_child, before)
    return await ctx.run(step, "after", inside * 10)


async def remote_child(ctx, number):
    return await ctx.run(step, f"inside {number}", number + 1)


async def fan_out(ctx):
    children = [ctx.begin_rpc(remote_child, number) for number in (1, 2, 3)]
    return await ctx.gather(*children)


async def gather_local(ctx):
    return await ctx.gather(*[ctx.run(step, name, name) for name in "abc"])


async def gather_everything(ctx):
    asked = ctx.promise()
    return await ctx.gather(asked, ctx.rpc(remote_child, 1), ctx.sleep(HOUR), ctx.run(step, "local", "l"))


async def gather_errors(ctx):
    good, bad, far = await ctx.gather(
        ctx.run(step, "good", "good"),
        ctx.run(failing, "bad", "tea", 0),
        ctx.rpc(remote_failure, "milk"),
        return_exceptions=True,
    )
    return [good, type(bad).__name__, list(bad.args), type(far).__name__, list(far.args)]


async def remote_failure(ctx, article):
    await ctx.run(failing, f"look for {article}", article, 0)


async def compensation(ctx):
    flight = await ctx.run(step, "book flight", "flight")
    try:
        await ctx.rpc(remote_failure, "room")
    except OutOfStock as error:
        await ctx.run(step, "cancel flight", flight)
        return list(error.args)


async def failure(ctx):
    await ctx.run(step, "prepare")
    await ctx.run(failing, "perform", "tea", 3)


async def sleeper(ctx):
    before = await ctx.run(step, "before sleep", "a")
    await ctx.sleep(hours=1)
    after = await ctx.run(step, "after sleep", "b")
    return before + after


async def approval(ctx):
    asked = ctx.promise(data={"for": "approval"})
    await ctx.run(step, "ask", asked.id)
    return [await asked, asked.id]


async def recorded(ctx):
    made = [await ctx.time(), await ctx.now(), await ctx.random(), await ctx.uuid()]
    seen = await ctx.run(tell, [described(value) for value in made])
    return [seen == [described(value) for value in made], [type(value).__name__ for value in made]]


async def detached(ctx):
    started = await ctx.detached(remote_child, 5)
    return [started, await ctx.run(step, "go on", "at once")]


async def values(ctx):
    value = await ctx.run(odd_values, "make")
    return described(value)


async def never_joined(ctx):
    ctx.begin_run(step, "left alone", 1)
    ctx.begin_rpc(remote_child, 2)
    return "done"


sleeps, racing, in_turn, limited, retried, undone = (styles.coroutine(body) for body in written.ALL)
