"""Canvas as children: any task, chain, group or chord made to end in one task whose id is the child's.

What Celery then stores under that id is the outcome of the whole, and callbacks
on it fire at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from celery import Celery, Task, chord, group, signature
from celery.canvas import Signature, chunks, maybe_signature
from celery.canvas import _chain as Chain  # noqa: N812  # the class; `celery.chain` only makes one

#: Of a canvas, so many tasks are named in journals and logs.
NAMED = 3
#: What monitors and logs are shown instead of arguments.
UNSEEN = {"argsrepr": "(…)", "kwargsrepr": "{…}"}
#: Celery's own task that answers its first argument: it ends what would end in several tasks.
END = "celery.accumulate"


def is_task(target: object) -> bool:
    """Whether this is a Celery task or a signature of any shape."""
    return isinstance(target, Task | Signature)


def of(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A signature of its own for a call of a task, a signature or a canvas.

    Raises TypeError when the arguments do not fit, or where there is nobody to take them.
    """
    if isinstance(target, Task):
        fits = getattr(target, "__header__", None)
        if target.typing and fits is not None:
            fits(*args, **kwargs)  # as `apply_async` does
        return target.signature(args, kwargs)
    sig = target.group() if isinstance(target, chunks) else target
    if isinstance(sig, Chain) and not sig.tasks:
        raise TypeError("an empty chain has no result to wait for")
    if (args or kwargs) and isinstance(sig, group | chord):
        raise TypeError(f"{describe(sig)} takes no arguments in ctx.rpc: give them to its tasks")
    return sig.clone(args, kwargs)


def describe(sig: Any) -> str:
    """What a journal calls it: the task's name, or the shape of a canvas and its first tasks."""
    if not isinstance(sig, Chain | group | chord):
        return str(sig.task)
    names = [str(member.task) for member in members(sig)]
    more = f", … {len(names)} in all" if len(names) > NAMED else ""
    shape = type(sig).__name__.strip("_")
    return f"{shape}({', '.join(names[:NAMED])}{more})"


def members(sig: Any) -> Iterator[Any]:
    """The single tasks that it is made of, in order."""
    if not isinstance(sig, Chain | group | chord):
        yield sig
        return
    parts = sig.tasks
    for task in members(parts) if isinstance(parts, group) else map(maybe_signature, parts):
        yield from members(task)
    if isinstance(sig, chord):
        yield from members(sig.body)


def ids_of(sig: Any) -> list[str]:
    """The task ids that a frozen one will run under."""
    return [member.options["task_id"] for member in members(sig) if "task_id" in member.options]


def closed(app: Celery, sig: Any, is_ordinary: Callable[[str], bool]) -> Any:
    """The same, ending in one ordinary task: several get one behind them that collects their results.

    A durable function has a promise of its own under its task id, so it cannot be the one that ends.
    """
    last = _last(sig)
    if isinstance(last, group) or not is_ordinary(str(last.task)):
        end = app.signature(END, kwargs={"index": 0})
        return sig | end
    return sig


def hide(sig: Any) -> None:
    """Have the messages of all its tasks show monitors no arguments; they carry them all the same."""
    for member in members(sig):
        member.options.update(UNSEEN)


def frozen(sig: Any, child_id: str, link: Any, link_error: Any, **ids: str | None) -> Any:
    """With ids for all its tasks, so that sending it twice sends the same ones, and told whom to call at its end."""
    last = _last(sig)
    last.options.pop("task_id", None)
    sig.freeze(child_id, **ids)
    last.set(ignore_result=False)  # else a lost callback could not be made up for
    if link is not None:
        last.link(link)
        _tell_failure(sig, link_error)
    return sig


def rebuilt(app: Celery, kept: dict[str, Any]) -> Any:
    """A signature from what was kept of it."""
    sig = signature(kept, app=app)
    for member in members(sig):  # the inner ones would go to whichever application is the current one
        member._app = app
    return sig


def _last(sig: Any) -> Any:
    while True:
        if isinstance(sig, chord):
            sig = sig.body
        elif isinstance(sig, Chain) and sig.tasks:
            sig = sig.tasks[-1]
        else:
            return sig


def _tell_failure(sig: Any, errback: Any) -> None:
    """The failure of a chord's header is its body's; so it is for a group that is followed by something."""
    if isinstance(sig, chord):
        _tell_failure(sig.body, errback)
    elif isinstance(sig, Chain):
        for task in sig.tasks:
            _tell_failure(task, errback)
    elif not isinstance(sig, group):
        sig.link_error(errback)
