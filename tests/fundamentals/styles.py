"""One body, three styles: written once as a generator, its operations are waited for as each style does it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from typing import Any

Body = Callable[..., Generator[Any, Any, Any]]
Style = Callable[[Body], Callable[..., Any]]


def generator(body: Body) -> Callable[..., Any]:
    """`yield op`, as it is written."""
    return body


def coroutine(body: Body) -> Callable[..., Any]:
    """`await op` in an `async def`."""

    @functools.wraps(body)
    async def awaits(*args: Any, **kwargs: Any) -> Any:
        script, resume = _begun(body(*args, **kwargs))
        while script.op is not None:
            try:
                value = await script.op
            except Exception as error:
                resume(error=error)
            else:
                resume(value)
        return script.value

    return awaits


def plain(body: Body) -> Callable[..., Any]:
    """`op.get()` in a function."""

    @functools.wraps(body)
    def gets(*args: Any, **kwargs: Any) -> Any:
        script, resume = _begun(body(*args, **kwargs))
        while script.op is not None:
            try:
                value = script.op.get()
            except Exception as error:
                resume(error=error)
            else:
                resume(value)
        return script.value

    return gets


STYLES: dict[str, Style] = {"generator": generator, "async": coroutine, "plain": plain}


class _Script:
    """The operation that the body waits for now; None when it has returned its value."""

    op: Any = None
    value: Any = None


def _begun(running: Generator[Any, Any, Any]) -> tuple[_Script, Callable[..., None]]:
    script = _Script()

    def resume(value: Any = None, error: Exception | None = None) -> None:
        try:
            script.op = running.send(value) if error is None else running.throw(error)
        except StopIteration as stop:
            script.op, script.value = None, stop.value

    resume()
    return script, resume
