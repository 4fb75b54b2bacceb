"""A program of three more handlers, which tests catch in the middle."""

from __future__ import annotations

import os
import time
from pathlib import Path

import durable_celery as restate
from durable_celery import Context, Service

held = Service("Held")
FOLDER = Path(os.environ.get("FOLDER", "."))


@held.handler()
async def wait(ctx: Context, name: str) -> str:
    """Writes down what it waits for."""
    id, answer = ctx.awakeable()
    await ctx.run("tell", (FOLDER / name).write_text, id)
    return f"{name}: {await answer}"


@held.handler()
async def work(ctx: Context, name: str) -> str:
    """Each step leaves a line, and the middle one takes until somebody opens the gate."""
    for step in (before, at_gate, after):
        await ctx.run(step.__name__, step, name)
    return "done"


@held.handler()
async def later(ctx: Context) -> str:
    return "now"


def before(name: str) -> None:
    note(f"before {name}")


def at_gate(name: str) -> None:
    note(f"at the gate {name}")
    while not (FOLDER / "gate").exists():
        time.sleep(0.01)


def after(name: str) -> None:
    note(f"after {name}")


def note(line: str) -> None:
    with (FOLDER / "steps").open("a") as steps:
        steps.write(line + "\n")


app = restate.app([held])
