"""A signup: a link is mailed, the click is waited for, with reminders, and not for ever."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from celery import Celery

from durable_celery import Durable, Workflow, WorkflowContext, WorkflowSharedContext

app = Celery("signups")  # CELERY_BROKER_URL and CELERY_RESULT_BACKEND say where Redis is
durable = Durable(app)
Signup = Workflow("Signup")
OUTBOX = Path("outbox.jsonl")
#: A day in real life.
PAUSE = timedelta(seconds=1.2)
REMINDERS = 2


@Signup.main()
async def run(ctx: WorkflowContext, mail: str) -> str:
    secret = (await ctx.uuid()).hex  # recorded: the same in every attempt
    link = f"https://example.test/confirm/{ctx.key()}/{secret}"
    await ctx.run("mail the link", send, mail, f"Welcome! {link}")
    ctx.set("step", "waiting for the click")
    click = ctx.promise("click")
    for number in range(1, REMINDERS + 2):
        first, clicked = await ctx.select(click=click.value(), timer=ctx.sleep(PAUSE))
        if first == "click" and clicked == secret:
            ctx.set("step", "confirmed")
            return f"{ctx.key()} is in"
        if number <= REMINDERS:
            await ctx.run("remind", send, mail, f"Reminder {number}: {link}")
            ctx.set("step", f"reminded {number} times")
    ctx.set("step", "expired")
    return f"{ctx.key()} never clicked"


@Signup.handler()
async def confirm(ctx: WorkflowSharedContext, secret: str) -> None:
    """What the page behind the link calls."""
    await ctx.promise("click").resolve(secret)


@Signup.handler()
async def step(ctx: WorkflowSharedContext) -> str:
    return await ctx.get("step") or "not begun"


def send(to: str, text: str) -> None:
    with OUTBOX.open("a") as outbox:
        outbox.write(json.dumps({"to": to, "text": text}) + "\n")


durable.bind(Signup)
