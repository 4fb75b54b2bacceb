"""Extract, transform, load: a thousand items as children on all workers, and one parent that is woken once."""

from __future__ import annotations

from typing import Any

from celery import Celery

from durable_celery import Context, Durable

app = Celery("etl")  # CELERY_BROKER_URL and CELERY_RESULT_BACKEND say where Redis is
durable = Durable(app)


@durable.register
async def nightly(ctx: Context, count: int) -> dict[str, Any]:
    rows = await ctx.run(extract, count)
    cleaned = await ctx.gather(*(ctx.rpc(transform, row) for row in rows))
    return await ctx.run(load, cleaned)


@durable.register
def transform(ctx: Context, row: dict[str, Any]) -> dict[str, Any]:
    """One item, as an execution of its own: it only computes, so it needs no steps."""
    return {"city": row["city"].strip().title(), "celsius": round((row["fahrenheit"] - 32) / 1.8, 1)}


def extract(count: int) -> list[dict[str, Any]]:
    cities = [" rome", "OSLO ", "lima"]
    return [{"city": cities[n % 3], "fahrenheit": 32 + n % 60} for n in range(count)]


def load(rows: list[dict[str, Any]]) -> dict[str, Any]:
    warmest = {}
    for row in rows:
        warmest[row["city"]] = max(row["celsius"], warmest.get(row["city"], row["celsius"]))
    return {"rows": len(rows), "warmest": warmest}
