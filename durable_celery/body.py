"""The three ways to write a body, brought down to one: something that waits for operations.

A generator yields them, a coroutine awaits them, a plain function has waited
for them by the time it returns. A coroutine body needs no event loop; a
coroutine *step* gets one of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import sys
from collections.abc import Coroutine
from types import GeneratorType
from typing import Any

from durable_celery.errors import NotAnOperation
from durable_celery.op import Op


def drive(result: Any) -> Any:
    """What calling a body gave, carried to its end: the body's return value."""
    if inspect.isgenerator(result):
        return _drive(result, result)
    if inspect.iscoroutine(result):
        return _drive(result, None)
    if inspect.isasyncgen(result):
        raise NotAnOperation("what an async generator yields; write the body as `async def` with `await`")
    return result


def finish_step(result: Any) -> Any:
    """What calling a step without a ctx gave, carried to its end."""
    if inspect.iscoroutine(result):
        return _run_coroutine(result)
    return drive(result)


def _drive(body: Any, generator: GeneratorType[Any, Any, Any] | None) -> Any:
    value: Any = None
    error: Exception | None = None
    try:
        while True:
            try:
                yielded = body.throw(error) if error is not None else body.send(value)
            except StopIteration as stop:
                return stop.value
            value, error = None, None
            try:
                value = _wait(yielded, generator)
            except Exception as raised:
                error = raised
    except RuntimeError as raised:
        if "no running event loop" in str(raised):
            raise NotAnOperation("asyncio's own awaitables") from raised
        raise
    finally:
        with contextlib.suppress(RuntimeError):  # a body that waits for something while it is closed
            body.close()


def _wait(yielded: Any, generator: GeneratorType[Any, Any, Any] | None) -> Any:
    if not isinstance(yielded, Op):
        raise NotAnOperation(f"{yielded!r} ({type(yielded).__name__})")
    if generator is not None and yielded.deferred:
        yielded.deferred = False
        if not _keeps(generator, yielded):
            return yielded
    return yielded.get()


def _keeps(generator: GeneratorType[Any, Any, Any], op: Op[Any]) -> bool:
    """Whether a generator has this operation in a variable already.

    `p = yield ctx.begin_run(f)` has not: it is given the promise.
    `p = ctx.begin_run(f)` and later `yield p` has: it is given the value.
    """
    kept: list[Any] = []
    inner: Any = generator
    while isinstance(inner, GeneratorType):  # down through `yield from`
        kept += inner.gi_frame.f_locals.values() if inner.gi_frame is not None else ()
        inner = inner.gi_yieldfrom
    for value in tuple(kept):
        if isinstance(value, dict):
            kept += value.values()
        elif isinstance(value, list | tuple):
            kept += value
    return any(value is op for value in kept)


def _run_coroutine(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a step's coroutine on an event loop of its own.

    Under gevent all greenlets share one OS thread, which can have one running
    loop only, so the loop goes to a real thread.
    """
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        import gevent  # noqa: PLC0415  # only where the application has patched itself with it

        return gevent.get_hub().threadpool.apply(contextvars.copy_context().run, (asyncio.run, coroutine))
    return asyncio.run(coroutine)
