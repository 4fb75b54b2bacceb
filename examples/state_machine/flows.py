"""A machine that goes up and down: it reports by itself when a change has taken its time.

Every change has a number. A delayed call that comes after something else has happened finds another number, and
does nothing: there is no timer to be taken back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from celery import Celery

from durable_celery import Durable, ObjectContext, ObjectSharedContext, TerminalError, VirtualObject

app = Celery("machines")  # CELERY_BROKER_URL and CELERY_RESULT_BACKEND say where Redis is
durable = Durable(app)
Machine = VirtualObject("Machine")
#: Minutes in real life.
BOOT, SHUTDOWN = timedelta(seconds=1.5), timedelta(seconds=0.5)


@Machine.handler()
async def start(ctx: ObjectContext) -> str:
    return await begin(ctx, allowed={"down"}, now="starting", then="up", delay=BOOT)


@Machine.handler()
async def stop(ctx: ObjectContext) -> str:
    return await begin(ctx, allowed={"up"}, now="stopping", then="down", delay=SHUTDOWN)


@Machine.handler()
async def reset(ctx: ObjectContext) -> str:
    """Down at once, whatever it was at."""
    await enter(ctx, "down")
    return "down"


@dataclass
class Change:
    number: int
    to: str


@Machine.handler(private=True)
async def arrive(ctx: ObjectContext, change: Change) -> bool:
    """A change has taken its time; it counts only when nothing has happened since it began."""
    if await ctx.get("number") != change.number:
        return False
    await enter(ctx, change.to)
    return True


@Machine.handler(kind="shared")
async def state(ctx: ObjectSharedContext) -> str:
    return await ctx.get("state") or "down"


@Machine.handler(kind="shared")
async def history(ctx: ObjectSharedContext) -> list[str]:
    return await ctx.get("history") or []


async def begin(ctx: ObjectContext, *, allowed: set[str], now: str, then: str, delay: timedelta) -> str:
    state = await ctx.get("state") or "down"
    if state not in allowed:
        raise TerminalError(f"{ctx.key()} is {state}", 409)
    change = Change(await enter(ctx, now), then)
    ctx.object_send(arrive, ctx.key(), change, send_delay=delay)  # kept with the state: no worker waits
    return now


async def enter(ctx: ObjectContext, state: str) -> int:
    """Be in a state, under a new number."""
    number: int = (await ctx.get("number") or 0) + 1
    ctx.set("number", number)
    ctx.set("state", state)
    ctx.set("history", [*(await ctx.get("history") or []), state])
    return number


durable.bind(Machine)
