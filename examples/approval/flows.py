"""An expense that somebody has to approve: a link is mailed, and the first decision counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from celery import Celery

from durable_celery import AlreadySettled, Context, Durable, TimedOut

app = Celery("expenses")  # CELERY_BROKER_URL and CELERY_RESULT_BACKEND say where Redis is
durable = Durable(app)
OUTBOX = Path("outbox.jsonl")


@durable.register
async def approve(ctx: Context, expense: dict[str, Any], seconds: float) -> str:
    decision = ctx.promise(timeout=seconds, data=expense)  # its id is known before anybody waits for it
    await ctx.run(mail, expense["bosses"], f"{expense['text']}: https://example.test/decide/{decision.id}")
    try:
        decided = await decision  # for days, if need be: no worker, no message, no connection
    except TimedOut:
        return "nobody decided in time"
    await ctx.run(mail, [expense["by"]], f"{expense['text']}: {decided['word']} by {decided['by']}")
    return f"{decided['word']} by {decided['by']}"


def mail(to: list[str], text: str) -> None:
    with OUTBOX.open("a") as outbox:
        outbox.write(json.dumps({"to": to, "text": text}) + "\n")


def decide(decision_id: str, word: str, by: str) -> str:
    """What the page behind the link does: the first decision counts, a later one is told which that was."""
    try:
        # strict: a promise that timed out before refuses too, instead of answering how it ended
        durable.promises.resolve(decision_id, {"word": word, "by": by}, strict=True)
    except AlreadySettled as error:
        if error.state != "resolved":
            return f"{by}: too late, nobody had decided in time"
        first = durable.get(decision_id).result()
        return f"{by}: {first['by']} was first: {first['word']}"
    return f"{by}: {word}, thank you"
