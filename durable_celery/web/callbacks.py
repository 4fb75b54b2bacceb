"""Completion callbacks: an execution that waits for another one, and then tells somebody how it ended.

It is begun right after the other one and before anybody is told that that was
accepted. From there on it has its own record: whoever is killed, the callback is
made, at least once, also when the other one failed, was cancelled or timed out.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from durable_celery import ids
from durable_celery.codec import Codec
from durable_celery.context import Context
from durable_celery.durable import Durable
from durable_celery.errors import IdConflict, PromiseNotFound, TerminalError
from durable_celery.errors.problem import Problem
from durable_celery.function import Function
from durable_celery.http.problems import raised_of
from durable_celery.op import Op
from durable_celery.promise import Outcome, Promise
from durable_celery.registry import Options
from durable_celery.retry import RetryPolicy
from durable_celery.web.delivery import Webhook, send
from durable_celery.web.webhooks import Secrets, check_callback

Callback = str | Function[..., Any] | Callable[..., Any]

#: The durable function that makes them.
NAME = "durable_celery.callback"
#: Those asked for in the code, and by a client.
OURS, THEIRS = "callback", "callback-asked"
#: Fifteen tries within three days: after 5 s, 15 s, 45 s … and every six hours in the end.
POLICY = RetryPolicy(max_attempts=15, initial=5, factor=3, maximum=6 * 3600, jitter=False, max_duration=3 * 24 * 3600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calling:
    """What the worker knows of the callbacks of one function: what does not belong into the store."""

    callback: Callback | None
    retry: RetryPolicy
    secrets: Secrets
    allowed: tuple[str, ...]
    #: What is told of a result.
    result: Callable[[Any], dict[str, Any]] = lambda value: {"result": value}
    #: What a callback that is a function is called in.
    within: Callable[[], AbstractContextManager[Any]] = nullcontext


def begin(
    durable: Durable, promise_id: str, function: str, *, kind: str, url: str | None = None, owner: str = ""
) -> None:
    """Have the callback of an execution made when that ends, once. Raises Problem when somebody else has its id.

    `owner` is who knows more of it where there may be several.
    """
    callback_id = id_of(promise_id, kind)
    registered = durable.registry.get(NAME)
    try:
        durable.start(callback_id, registered, (promise_id, function, url, owner), {}, Options())
    except IdConflict as error:
        if durable.store.get(callback_id).function != NAME:
            raise Problem(409, "id-conflict", "the id of the callback is taken", id=callback_id) from error


def id_of(promise_id: str, kind: str) -> str:
    """The id of the execution that makes a callback; also the `webhook-id`."""
    return ids.named(promise_id, kind)


def body(calling: Callable[[Context, str, str], Calling]) -> Callable[..., Any]:
    """The durable function; `calling` finds what belongs to a function and its owner."""

    def callback(ctx: Context, promise_id: str, function: str, url: str | None, owner: str = "") -> Any:
        """Tell somebody how an execution ended."""
        outcome = _ended(ctx.attach_invocation(promise_id))
        said = calling(ctx, function, owner)
        told = document(ctx._performer.codec, promise_id, function, outcome, said.result)
        if url is None and not isinstance(said.callback, str):
            with said.within():
                return _called(ctx, said, promise_id, told)
        webhook = Webhook(id=ctx.id, url=_address(said, url), told=told)
        return ctx.run(send, webhook, said.secrets).options(name="deliver", retry=said.retry).get()

    return callback


def document(
    codec: Codec, promise_id: str, function: str, outcome: Outcome, result: Callable[[Any], dict[str, Any]]
) -> dict[str, Any]:
    """What is told: `id`, `function`, `state`, `status`, and `result` or `error`."""
    promise = Promise(id=promise_id, state=outcome.state, function=function, value=outcome.value)
    told: dict[str, Any] = {"id": promise_id, "function": function, "state": promise.state, "status": promise.status}
    if outcome.resolved:
        return {**told, **result(codec.decode(outcome.value))}
    error = codec.error(outcome, promise_id)
    if isinstance(error, PromiseNotFound) and error.promise_id == promise_id:
        told["status"] = "expired"
    return {**told, "error": raised_of(promise, codec, error)}


def _ended(op: Op[Any]) -> Outcome:
    """How it ended; raises only what ends the callback itself."""
    try:
        op.get()
    except Exception:
        if op._outcome() is None:  # type: ignore[attr-defined]
            raise
    found = op._outcome()  # type: ignore[attr-defined]
    assert isinstance(found, Outcome)
    return found


def _called(ctx: Context, said: Calling, promise_id: str, told: dict[str, Any]) -> Any:
    callback = said.callback
    if isinstance(callback, Function):
        return ctx.rpc(callback, promise_id, told).get()
    if not callable(callback):
        raise TerminalError(f"the view of {promise_id!r} has no callback any more")
    return ctx.run(callback, promise_id, told).options(retry=said.retry).get()


def _address(said: Calling, url: str | None) -> str:
    """Where to; what clients asked for is looked at again: it may not be allowed any more."""
    if url is None:
        assert isinstance(said.callback, str)
        return said.callback
    try:
        return check_callback(url, said.allowed)
    except Problem as problem:
        raise TerminalError(str(problem), status_code=problem.status) from problem
