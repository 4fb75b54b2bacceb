"""The services of these tests' application."""

from __future__ import annotations

from typing import Any

from durable_celery import ObjectContext, ObjectSharedContext, VirtualObject, Workflow, WorkflowContext
from durable_celery import WorkflowSharedContext as Shared

Counter = VirtualObject("Counter")
Signup = Workflow("Signup")


@Counter.handler()
async def add(ctx: ObjectContext, n: int) -> int:
    total: int = (await ctx.get("total") or 0) + n
    ctx.set("total", total)
    return total


@Counter.handler()
async def add_at_gate(ctx: ObjectContext, gate: str) -> int:
    """Adds one, when the gate opens."""
    from tests.acceptance.workers.proj import effect, hold  # noqa: PLC0415  # which binds these services

    total: int = (await ctx.get("total") or 0) + 1
    ctx.set("total", total)
    await ctx.run(hold, gate)
    await ctx.run(effect)
    return total


@Counter.handler(kind="shared")
async def total(ctx: ObjectSharedContext) -> int:
    return await ctx.get("total") or 0


@Signup.main()
async def run(ctx: WorkflowContext, gate: str) -> dict[str, Any]:
    from tests.acceptance.workers.proj import effect, hold  # noqa: PLC0415  # which binds these services

    ctx.set("step", "first")
    before = await ctx.run(effect)
    clicked = await ctx.promise("clicked").value()
    ctx.set("step", "clicked")
    await ctx.run(hold, gate)
    ctx.set("step", "over")
    return {"before": before, "clicked": clicked, "step": await ctx.get("step")}


@Signup.handler()
async def click(ctx: Shared, value: str) -> None:
    await ctx.promise("clicked").resolve(value)


@Signup.handler()
async def step(ctx: Shared) -> str | None:
    found: str | None = await ctx.get("step")
    return found
