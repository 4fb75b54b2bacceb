"""What is recorded: the reference shapes of tests/faults, and what they leave out.

Their functions are part of the recordings: a change of one that does not fit the
journals of a release needs a new shape beside it.
"""

from __future__ import annotations

from durable_celery import Cancelled
from durable_celery.promise import State
from tests.faults.shapes import SHAPES, step
from tests.simulation.faulty import Kind
from tests.simulation.world import Shape


def gates(ctx, laps):
    """A gate, an execution of its own, recorded values, and a new journal at the end of each lap."""
    way = yield ctx.version("newer way")
    started = yield ctx.detached(aside, laps)
    lap = yield ctx.run(step, f"lap {laps}", laps).options(timeout=3600)
    yield ctx.now()
    if lap < 2:
        return (yield ctx.continue_as(laps + 1))
    return [way, started, lap]


def aside(ctx, lap):
    return (yield ctx.run(step, f"aside {lap}", lap))


async def undoing(ctx, item):
    """Cancelled while its child waits for somebody; both undo what they did."""
    await ctx.run(step, "reserve", item)
    try:
        return await ctx.rpc(waiting, item)
    except Cancelled:
        await ctx.run(step, "give back", item)
        raise


async def waiting(ctx, item):
    try:
        return await ctx.promise()
    except Cancelled:
        await ctx.run(step, "tell nobody is coming", item)
        raise


RECORDED = (
    *SHAPES,
    Shape(
        name="gates",
        functions=(gates, aside),
        args=(1,),
        value=[1, "R.4.1", 2],
        steps=4,
        sequential=False,
    ),
    Shape(name="undoing", functions=(undoing, waiting), args=("tea",), state=State.CANCELED, steps=3, outside="late"),
)
#: What happens to a shape while it is recorded: at which call.
HAPPENS = {"undoing": {7: Kind.CANCEL_GENTLY}}
