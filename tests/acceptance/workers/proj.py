"""The Celery application of these tests, as a user would write one: ordinary tasks beside durable functions.

Steps write what they do to the file `$LEDGER`, which is none of the servers
under test. A step that is to be caught in the middle waits for a *gate*: a
file in `$GATES` that the test makes.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Celery, signature

from durable_celery import Context, Durable, Function
from tests.acceptance.workers import ledger, objects

GATE_PAUSE_S = 0.005


class ShopClosed(Exception):
    """An error of the application's own."""


# Steps


def effect(ctx: Context, seconds: float = 0.0) -> str:
    """Something done to the outside world; answers which execution of the step this was."""
    run = secrets.token_hex(4)
    tell(ctx.id, "start", run=run)
    time.sleep(seconds)
    tell(ctx.id, "done", run=run)
    return run


async def effect_async(id: str) -> str:
    """The same with an event loop of its own; such a step is given no ctx."""
    run = secrets.token_hex(4)
    tell(id, "start", run=run)
    await asyncio.sleep(0.001)
    tell(id, "done", run=run)
    return run


def hold(ctx: Context, gate: str) -> str:
    """A step that lasts until the test opens the gate."""
    run = secrets.token_hex(4)
    tell(ctx.id, "start", run=run)
    while not is_open(gate):
        time.sleep(GATE_PAUSE_S)
    tell(ctx.id, "done", run=run)
    return run


def die_until(ctx: Context, gate: str) -> str:
    """Kills its process, as a segmentation fault would, until the gate is open."""
    if not is_open(gate):
        tell(ctx.id, "start")
        os.kill(os.getpid(), signal.SIGKILL)
    return effect(ctx)


def raise_closed(ctx: Context, message: str) -> None:
    tell(ctx.id, "start")
    raise ShopClosed(message)


def leave(ctx: Context, code: int) -> None:
    tell(ctx.id, "start")
    sys.exit(code)


def make_socket(ctx: Context) -> object:
    tell(ctx.id, "start")
    return object()


# Durable bodies: the same walk in three styles


def walk_plain(ctx: Context, before: int, gate: str, after: int) -> list[str]:
    runs = [ctx.run(effect).get() for _ in range(before)]
    runs.append(ctx.run(hold, gate).get())
    return runs + [ctx.run(effect).get() for _ in range(after)]


def walk_generator(ctx: Context, before: int, gate: str, after: int) -> Generator[Any, Any, list[str]]:
    runs = []
    for _ in range(before):
        runs.append((yield ctx.run(effect)))
    runs.append((yield ctx.run(hold, gate)))
    for _ in range(after):
        runs.append((yield ctx.run(effect)))
    return runs


async def walk_async(ctx: Context, before: int, gate: str, after: int) -> list[str]:
    steps = [f"{ctx.id}.{number}" for number in range(1, before + after + 2)]
    runs = [await ctx.run(effect_async, step) for step in steps[:before]]
    runs.append(await ctx.run(hold, gate))
    return runs + [await ctx.run(effect_async, step) for step in steps[before + 1 :]]


# Durable bodies that suspend


def echo(ctx: Context, value: Any, seconds: float = 0.0) -> Any:
    ctx.run(effect, seconds).get()
    return value


def plus_plain(ctx: Context, x: int, y: int, gate: str = "") -> int:
    ctx.run(effect).get()
    other = ctx.rpc("echo", y, 0.1).get()
    ctx.run(hold if gate else effect, gate or 0).get()
    return x + int(other)


def plus_generator(ctx: Context, x: int, y: int, gate: str = "") -> Generator[Any, Any, int]:
    yield ctx.run(effect)
    other = yield ctx.rpc("echo", y, 0.1)
    yield ctx.run(hold if gate else effect, gate or 0)
    return x + int(other)


async def plus_async(ctx: Context, x: int, y: int, gate: str = "") -> int:
    await ctx.run(effect)
    other = await ctx.rpc("echo", y, 0.1)
    await ctx.run(hold if gate else effect, gate or 0)
    return x + int(other)


async def fails(ctx: Context, message: str) -> None:
    await ctx.rpc("echo", 1, 0.1)
    await ctx.run(raise_closed, message)


async def awaits_promise(ctx: Context, gate: str) -> Any:
    """Suspends until its promise `<id>.1` is settled, then runs until the gate opens."""
    value = await ctx.promise()
    await ctx.run(hold, gate)
    return value


async def naps(ctx: Context, seconds: float) -> list[str]:
    before = await ctx.run(effect)
    await ctx.sleep(seconds)
    return [before, await ctx.run(effect)]


async def total(ctx: Context, count: int) -> int:
    """The sum of as many remote children's values."""
    return sum(await ctx.gather(*(ctx.rpc("echo", number) for number in range(count))))


async def fibonacci(ctx: Context, n: int) -> int:
    if n < 2:
        return n
    one, other = await ctx.gather(ctx.rpc("fibonacci", n - 1), ctx.rpc("fibonacci", n - 2))
    return int(one + other)


async def mixture(ctx: Context, seconds: float) -> dict[str, str]:
    """A little of everything, for chaos: which run of each step was the recorded one."""
    runs = {f"{ctx.id}.1": await ctx.run(effect, seconds)}
    child = ctx.begin_rpc("errand", seconds)
    asked = ctx.promise()
    runs[f"{ctx.id}.4"] = await ctx.run(effect, seconds)
    runs.update(await child)
    runs.update(await asked)
    runs[f"{ctx.id}.5"] = await ctx.run(effect, seconds)
    return runs


async def errand(ctx: Context, seconds: float) -> dict[str, str]:
    return {f"{ctx.id}.1": await ctx.run(effect, seconds), f"{ctx.id}.2": await ctx.run(effect, seconds)}


# Durable bodies that go wrong


async def errand_2(ctx: Context, seconds: float) -> list[str]:
    """The next version of the errand, for workers that have it."""
    return [await ctx.run(effect, seconds) for _ in range(3)]


def poisoned(ctx: Context, gate: str) -> list[str]:
    return [ctx.run(effect).get(), ctx.run(die_until, gate).get(), ctx.run(effect).get()]


def booking(ctx: Context, gate: str) -> None:
    """Two things done, each with its undo; the undo of the second lasts until the gate opens."""
    saga = ctx.saga()
    saga.run(effect).compensate(effect, 0.0).get()
    saga.run(effect).compensate(hold, gate).get()
    ctx.sleep(600).get()


def trip(ctx: Context, gate: str) -> None:
    """A booking as a child, and one of its own that is not waited for."""
    ctx.begin_rpc(booking, gate)
    booking(ctx, gate)


def quits(ctx: Context, code: int) -> str:
    try:
        ctx.run(leave, code).get()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "it went on"


def returns_an_object(ctx: Context) -> object:
    ctx.run(effect).get()
    return object()


def step_returns_an_object(ctx: Context) -> None:
    ctx.run(make_socket).get()


def passes_an_object(ctx: Context) -> None:
    ctx.run(effect).get()
    ctx.rpc("echo", object()).get()


def calls_nobody(ctx: Context) -> None:
    ctx.run("nobody").get()


# Durable bodies that call ordinary tasks


def asks_plain(ctx: Context, sig: dict[str, Any], options: dict[str, Any]) -> Any:
    return ctx.rpc(signature(sig)).options(**options).get()


def asks_generator(ctx: Context, sig: dict[str, Any], options: dict[str, Any]) -> Generator[Any, Any, Any]:
    child = ctx.begin_rpc(signature(sig)) if not options else ctx.rpc(signature(sig)).options(**options)
    return (yield child)


async def asks_async(ctx: Context, sig: dict[str, Any], options: dict[str, Any]) -> Any:
    return await ctx.rpc(signature(sig)).options(**options)


async def asks_and_catches(ctx: Context, sig: dict[str, Any], options: dict[str, Any]) -> list[str]:
    try:
        return [await ctx.rpc(signature(sig)).options(**options)]
    except Exception as error:
        return [type(error).__name__, str(error)]


async def asks_many(ctx: Context, count: int) -> int:
    """The sum of as many ordinary tasks' values."""
    add = ctx.get_dependency("app").tasks["add"]
    return sum(await ctx.gather(*(ctx.rpc(add, number, 1) for number in range(count))))


def asks_and_is_killed(ctx: Context, sig: dict[str, Any], send: bool) -> Any:
    """Its process dies when the child is recorded, and sent or not, but not noted as sent."""
    child: Any = ctx.rpc(signature(sig))

    def die(created: Any) -> None:
        if send:
            child._tasks.signature(created.promise).apply_async()
            while not ledger.Ledger(Path(os.environ["LEDGER"])).count(sig["args"][0], "start"):
                time.sleep(GATE_PAUSE_S)
        os.kill(os.getpid(), signal.SIGKILL)

    child.spawned = die
    return child.get()


DURABLE: tuple[Callable[..., Any], ...] = (
    *(walk_plain, walk_generator, walk_async),
    *(echo, plus_plain, plus_generator, plus_async, fails, awaits_promise, naps),
    *(total, fibonacci, mixture, errand, booking, trip),
    *(asks_plain, asks_generator, asks_async, asks_and_catches, asks_many, asks_and_is_killed),
    *(poisoned, quits, returns_an_object, step_returns_an_object, passes_an_object, calls_nobody),
)


# Ordinary tasks


def add(x: int, y: int) -> int:
    return x + y


def add_all(numbers: list[int]) -> int:
    return sum(numbers)


def note(value: Any, name: str) -> Any:
    """A callback: what it was called with goes into the ledger."""
    tell(name, "called", value=value)
    return value


def note_error(request: Any, error: Exception, traceback: Any, name: str) -> None:
    """An errback in today's form."""
    tell(name, "failed", value=str(error))


def note_failed_id(task_id: str, name: str) -> None:
    """An errback in its old form, sent as a task."""
    tell(name, "failed", value=task_id)


def third_time_lucky(self: Any, name: str) -> str:
    tell(name, "start")
    if self.request.retries < 2:
        raise self.retry(countdown=0)
    return "done"


def works(name: str, value: Any, gate: str = "") -> Any:
    """Takes as long as its gate is closed."""
    tell(name, "start")
    while gate and not is_open(gate):
        time.sleep(GATE_PAUSE_S)
    tell(name, "done", value=value)
    return value


def closes(message: str) -> None:
    raise ShopClosed(message)


def gives_an_object() -> object:
    return object()


# Wiring


@dataclass(frozen=True, slots=True)
class Project:
    """One application with everything above registered."""

    app: Celery
    durable: Durable
    functions: dict[str, Function[..., Any]]

    def task(self, name: str) -> Any:
        """A Celery task by its name; durable functions are tasks too."""
        return self.app.tasks[name]


def project(broker: str, store: str, **conf: Any) -> Project:
    app = Celery("proj", broker=broker, backend=store)
    app.conf.update({"broker_connection_retry_on_startup": True, "worker_prefetch_multiplier": 1, **conf})
    durable = Durable(app)
    functions = {body.__name__: durable.register(body) for body in DURABLE}
    durable.bind(objects.Counter, objects.Signup)
    durable.set_dependency("app", app)
    for ordinary in (add, add_all, note, note_error, note_failed_id, works, closes, gives_an_object):
        app.task(name=ordinary.__name__, shared=False)(ordinary)
    app.task(name="works_late", shared=False, acks_late=True)(works)
    app.task(name="works_silently", shared=False, ignore_result=True)(works)
    app.task(name="third_time_lucky", shared=False, bind=True, max_retries=3)(third_time_lucky)
    app.finalize()
    return Project(app, durable, functions)


def tell(id: str, event: str, **fields: Any) -> None:
    ledger.write(os.environ["LEDGER"], id=id, event=event, **fields)


def is_open(gate: str) -> bool:
    return (Path(os.environ["GATES"]) / gate).exists()
