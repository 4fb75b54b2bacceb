"""Durable functions for everything that HTTP can be told of one."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import Any

from durable_celery import Context, Durable

gates: defaultdict[str, threading.Event] = defaultdict(threading.Event)
moods: defaultdict[str, str] = defaultdict(str)


class CardDeclined(Exception):
    """An error of the application's own that says what its caller is answered."""

    http_status = 402


def greeting(name: str) -> str:
    return f"hello {name}"


def held(gate: str) -> str:
    gates[gate].wait(30)
    return gate


def greet(ctx: Context, name: str, excited: bool = False) -> str:
    """Say hello."""
    return ctx.run(greeting, name).get() + ("!" if excited else "")


def nothing(ctx: Context) -> None:
    return None


def decline(ctx: Context) -> None:
    raise CardDeclined("no money")


def breaks(ctx: Context) -> None:
    raise ValueError("broken")


def nap(ctx: Context, seconds: float) -> str:
    ctx.sleep(seconds).get()
    return "rested"


def ask(ctx: Context) -> Any:
    return ctx.promise().get()


def steps(ctx: Context, gate: str) -> list[str]:
    ctx.progress(1, 3, "one")
    first = ctx.run(greeting, "one").get()
    second = ctx.run(held, gate).get()
    ctx.progress(3, 3, "three")
    return [first, second]


def talk(ctx: Context, gate: str) -> None:
    ctx.logger.info("began %s", gate)
    ctx.run(greeting, "one").get()
    ctx.logger.warning("waits")
    ctx.run(held, gate).get()
    ctx.logger.info("goes on")


def moody(ctx: Context, key: str) -> str:
    """Changes its mind between attempts, which parks it."""
    ctx.run(greeting if moods[key] != "bad" else held, key).get()
    return str(ctx.promise().get())


def secret(ctx: Context) -> str:
    return "secret"


PLAIN = (greet, nothing, decline, breaks, nap, ask, steps, talk, moody)


def registered(durable: Durable) -> dict[str, Any]:
    """All functions by name; `secret` is the one that nobody exposes."""
    made = {fn.__name__: durable.register(fn) for fn in (*PLAIN, secret)}
    made["later"] = durable.register(name="later")(lambda ctx: "late").options(delay=60)
    made["alone"] = durable.register(name="alone")(lambda ctx: "alone").options(delay=3600, max_pending=1)
    made["hurried"] = durable.register(name="hurried", timeout=0.05)(lambda ctx: ctx.promise().get())
    return made
