"""An agent: a model that is asked for the next step again and again, and tools that do what it wants."""

from __future__ import annotations

from typing import Any

from celery import Celery

from durable_celery import Context, Durable
from examples.agent_loop import model, tools

app = Celery("agent")  # CELERY_BROKER_URL and CELERY_RESULT_BACKEND say where Redis is
durable = Durable(app)


@durable.register
async def agent(ctx: Context, task: str, turns: int) -> list[dict[str, Any]]:
    transcript = [{"role": "user", "text": task}]
    for _ in range(turns):
        answer = await ctx.run(model.ask, transcript)  # paid for once: from now on it is in the journal
        transcript.append({"role": "model", **answer})
        if "tool" not in answer:
            break
        result = await ctx.run(tools.TOOLS[answer["tool"]], answer["input"])
        transcript.append({"role": "tool", "text": result})
    return transcript
