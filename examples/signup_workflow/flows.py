"""A signup: a link is mailed, the click is waited for, with reminders, and not for ever."""

from __future__ import annotations

import hmac
import json
from datetime import timedelta
from pathlib import Path

from celery import Celery

from durable_celery import AlreadySettled, Durable, TerminalError, Workflow, WorkflowContext, WorkflowSharedContext

app = Celery("signups")  # CELERY_BROKER_URL and CELERY_RESULT_BACKEND say where Redis is
durable = Durable(app)
Signup = Workflow("Signup")
OUTBOX = Path("outbox.jsonl")
#: Between two mails; a day in real life.
PAUSE = timedelta(seconds=2)
REMINDERS = 2


@Signup.main()
async def run(ctx: WorkflowContext, mail: str) -> str:
    secret = (await ctx.uuid()).hex  # recorded: the same in every attempt
    ctx.set("secret", secret)
    link = f"https://example.test/confirm/{ctx.key()}/{secret}"
    await ctx.run("mail", send, mail, f"Welcome! {link}")
    ctx.set("step", "waiting for the click")

    click = ctx.promise("click")
    clicked = click.value()
    for number in range(1, REMINDERS + 2):
        first, _ = await ctx.select(click=clicked, pause=ctx.sleep(PAUSE))
        if first == "click":
            break
        if number <= REMINDERS:
            await ctx.run("remind", send, mail, f"Reminder {number}: {link}")
            ctx.set("step", f"reminded: {number}")
    else:
        try:
            await click.reject("too late")  # from now on nobody can click
        except AlreadySettled:
            pass  # but somebody did, at the last moment
        else:
            ctx.set("step", "expired")
            return f"{ctx.key()} never clicked"
    ctx.set("step", "confirmed")
    return f"{ctx.key()} is in"


@Signup.handler()
async def confirm(ctx: WorkflowSharedContext, secret: str) -> None:
    """What the page behind the link calls. Raises AlreadySettled for a second click, and for one that is too late."""
    if not hmac.compare_digest(secret.encode(), (await ctx.get("secret")).encode()):  # takes as long for any other
        raise TerminalError("this link is not right", 403)
    await ctx.promise("click").resolve()


@Signup.handler()
async def step(ctx: WorkflowSharedContext) -> str:
    return await ctx.get("step") or "not begun"


def send(to: str, text: str) -> None:
    with OUTBOX.open("a") as outbox:
        outbox.write(json.dumps({"to": to, "text": text}) + "\n")


durable.bind(Signup)
