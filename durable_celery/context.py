"""Context: what a durable body is given, and the operations on it."""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from durable_celery import clock, ids
from durable_celery.body import drive
from durable_celery.calls import Calls, Info
from durable_celery.errors import OperationNotAwaited
from durable_celery.invoking import Invoking
from durable_celery.lines import Logger
from durable_celery.newpromise import NewPromise
from durable_celery.op import Op, Performer
from durable_celery.operations.gate import Gate
from durable_celery.operations.gather import Gather
from durable_celery.operations.promise import ExternalPromise
from durable_celery.operations.rpc import Continuation
from durable_celery.operations.select import Next, Select, Timeout
from durable_celery.operations.sleep import Timer
from durable_celery.operations.value import Recorded
from durable_celery.saga import Saga

_MISSING: Any = object()
AnyOp = TypeVar("AnyOp", bound=Op[Any])


class Context(Invoking):
    """The first argument of a durable body. Every operation returns an `Op`: yield it, await it, or `.get()` it."""

    def __init__(self, performer: Performer, info: Info, path: str = "") -> None:
        self.info = info
        self._performer = performer
        self._path = path
        self._count = 0
        self._ops: list[Op[Any]] = []
        self._sagas: list[Saga] = []
        self._calls = Calls(performer, info, self._next, self._perform_at)

    @property
    def id(self) -> str:
        """The promise id of the execution; in a local child, that child's id."""
        return ids.child_id(self.info.id, self._path) if self._path else self.info.id

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1: one more after each suspension, crash or hand-over."""
        return self.info.attempt

    @property
    def idempotency_key(self) -> str:
        """The same in every attempt: give it to services that take one."""
        return self.id

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger named after the function, quiet while the body is replayed. `handle.log()` shows its last lines."""
        name = f"durable_celery.functions.{self.info.function}"
        return Logger(logging.getLogger(name), {"performer": self._performer, "id": self.id})

    def get_dependency(self, name: str, default: Any = _MISSING) -> Any:
        """What `durable.set_dependency(name, …)` put there in this process; raises LookupError without a default."""
        found = self._performer.dependencies.get(name, default)
        if found is _MISSING:
            raise LookupError(
                f"no dependency {name!r} is set in this process: call durable.set_dependency({name!r}, …)"
            )
        return found

    def progress(self, done: float, total: float | None = None, note: str = "") -> None:
        """Say how far it is, for people: `handle.progress()` shows the last word. It is not recorded for replay."""
        said = {"done": done, "total": total, "note": note}
        self._performer.progress(self._performer.codec.encode(said, "progress"))

    # Children

    def run(self, fn: Callable[..., Any] | str, *args: Any, **kwargs: Any) -> Op[Any]:
        """A local child: `fn(*args)` in this process; its result or exception is recorded once.

        A name may come first: `ctx.run("charge", charge, …)`, in Restate's way, with
        `serde`, `type_hint`, `max_attempts`, `max_retry_duration` and `args` as keywords.
        `fn` needs no registration and may itself be a durable body. It is given
        a ctx first when its first parameter is annotated as a Context or named
        ctx, context or _, or when the arguments fit only so.
        """
        if isinstance(fn, str) and args and callable(args[0]):
            return self._named_step(fn, *args, **kwargs)
        return self._made(self._calls.local(fn, args, kwargs))

    def begin_run(self, fn: Callable[..., Any] | str, *args: Any, **kwargs: Any) -> Op[Any]:
        """Start a local child on a thread, wait for it later. Never waited for, it is joined at the end.

        It starts before the body makes or waits for anything else, so that it may be told `.options(…)` first.
        """
        return self._begun(self._calls.local(fn, args, kwargs))

    def rpc(self, fn: Callable[..., Any] | str, *args: Any, **kwargs: Any) -> Op[Any]:
        """A child as an execution of its own, on any worker; waiting for it frees this one.

        `fn` may also be an ordinary Celery task, a signature or a canvas.
        """
        return self._made(self._calls.remote(fn, args, kwargs))

    def begin_rpc(self, fn: Callable[..., Any] | str, *args: Any, **kwargs: Any) -> Op[Any]:
        """Start a remote child, wait for it later. Never waited for, it is joined at the end.

        It starts before the body waits for anything; several begun one after the other start together.
        """
        return self._begun(self._calls.remote(fn, args, kwargs))

    def detached(self, fn: Callable[..., Any] | str, *args: Any, **kwargs: Any) -> Op[str]:
        """Start an execution with a life of its own, as `begin_rpc` does; it is not joined. Its value is its id."""
        return self._begun(self._calls.detached(fn, args, kwargs), deferred=False)

    def continue_as(self, *args: Any, **kwargs: Any) -> Op[Any]:
        """The rest as a new execution of this function, with a history of its own: `return ctx.continue_as(state)`.

        Its result is this one's. For loops without an end: a history is limited to
        `durable_max_entries`, and each attempt replays all of it.
        """
        if self._path:
            raise TypeError("ctx.continue_as belongs to the body that was registered, not to a local child of it")
        return self._made(self._calls.continuation(args, kwargs))

    lfc = run
    lfi = begin_run
    rfc = rpc
    rfi = begin_rpc

    # Time and the outside world

    def sleep(
        self, seconds: float | timedelta = 0, *, minutes: float = 0, hours: float = 0, days: float = 0
    ) -> Op[None]:
        """A durable timer; for longer than a second nobody holds a worker meanwhile."""
        ms = clock.to_ms(seconds) + clock.to_ms(timedelta(minutes=minutes, hours=hours, days=days))
        return self._made(Timer(self._performer, self._next(), lambda now_ms: now_ms + ms))

    def sleep_until(self, instant: datetime) -> Op[None]:
        """A durable timer that ends at an instant (a datetime with a time zone)."""
        due_at = clock.instant_ms(instant)
        return self._made(Timer(self._performer, self._next(), lambda _: due_at))

    def promise(
        self,
        id: str | None = None,
        *,
        timeout: float | timedelta | None = None,
        data: Any = None,
        tags: dict[str, str] | None = None,
    ) -> ExternalPromise:
        """A promise that somebody outside settles; its `.id` is known, and can be handed out, at once.

        `timeout` (seconds or a timedelta) rejects it as timed out; `data` is kept with it.
        """
        path = self._next()
        child = NewPromise(
            id=ids.check_root(id) if id is not None else ids.child_id(self.info.id, path),
            args=self._performer.codec.encode(data, "the data of a promise") if data is not None else "",
            parent=self.info.id,
            tree=self.info.tree if id is None else "",
            timeout_ms=None if timeout is None else clock.to_ms(timeout),
            tags=self._performer.codec.encode(tags, "tags") if tags else "",
        )
        made = self._made(ExternalPromise(self._performer, id or "external", path, child))
        made.begin()
        return made

    # Values made once

    def time(self) -> Op[float]:
        """Seconds since the epoch, recorded."""
        return self._made(Recorded(self._performer, "time", self._next(), lambda: self._performer.now_ms() / 1000))

    def now(self) -> Op[datetime]:
        """The instant as a datetime in UTC, recorded."""
        performer = self._performer
        return self._made(Recorded(performer, "now", self._next(), lambda: clock.instant(performer.now_ms())))

    def random(self) -> Op[float]:
        """A number in [0, 1), recorded."""
        return self._made(Recorded(self._performer, "random", self._next(), random.SystemRandom().random))

    def uuid(self) -> Op[uuid.UUID]:
        """A random UUID, recorded."""
        return self._made(Recorded(self._performer, "uuid", self._next(), uuid.uuid4))

    # Combining

    def gather(self, *ops: Op[Any], return_exceptions: bool = False) -> Op[list[Any]]:
        """All at once: the list of their values, or the first error as soon as one failed.

        With `return_exceptions` it waits for all and puts errors into the list.
        """
        return self._made(Gather(self._performer, ops, return_exceptions=return_exceptions, next_path=self._next))

    def select(self, **ops: Op[Any]) -> Op[tuple[str, Any]]:
        """The first of several: its name and its value, or its error. The others go on, and are not joined."""
        return self._made(Select(self._performer, self._next(), list(ops.items())))

    def as_completed(self, *ops: Op[Any]) -> Iterator[Op[Any]]:
        """As many operations as given, to be waited for in turn: each gives the next value that is there."""
        left = list(ops)
        for _ in ops:
            yield self._made(Next(self._performer, self._next(), left))

    def limit(self, op: Op[Any], ms: int) -> Op[Any]:
        """What `op.timeout` makes."""
        timer = self._made(Timer(self._performer, self._next(), lambda now_ms: now_ms + ms))
        return self._made(Timeout(self._performer, self._next(), [("call", op), ("timer", timer)]))

    def version(self, change: str, default: int = 0, latest: int = 1) -> Op[int]:
        """Which way to go at a change of the code: `latest` for executions that reach it new, `default` for those
        that had passed it before it was made."""
        return self._made(Gate(self._performer, change, default, latest))

    def saga(self) -> Saga:
        """Compensations that run in reverse when this body fails: `saga.run(action, …).compensate(undo, …)`."""
        made = Saga(self)
        self._sagas.append(made)
        return made

    # What the engine calls.

    def fail(self, error: Exception) -> None:
        """The body has raised: undo what its sagas did."""
        self._performer.flush()
        for saga in reversed(self._sagas):
            for failed in saga.compensate():
                error.add_note(f"and a compensation failed: {failed!r}")

    def close(self) -> None:
        """The body has returned: refuse operations never waited for, join children still running."""
        self._performer.flush()
        for op in self._ops:
            if not op.awaited and not op.begun:
                raise OperationNotAwaited(repr(op), op.where)
        running = [op for op in self._ops if not op.awaited and op.kind in ("run", "rpc", "task") and not op.ready()]
        if running:
            self._performer.wait(Gather(self._performer, running, return_exceptions=True, next_path=self._next))

    def _made(self, op: AnyOp) -> AnyOp:
        self._performer.flush()
        self._ops.append(op)
        op.owner = self
        return op

    def _begun(self, op: AnyOp, *, deferred: bool = True) -> AnyOp:
        self._ops.append(op)
        op.owner = self
        op.deferred = deferred
        self._performer.later(op)
        return op

    def _next(self) -> str:
        self._count += 1
        return f"{self._path}.{self._count}" if self._path else str(self._count)

    def _perform_at(self, path: str, body: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Perform a local child that takes a ctx: one of its own, for the positions below its path."""
        return perform(type(self)(self._performer, self.info, path), body, args, kwargs)


def perform(ctx: Context, body: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Call a body with its context and carry it to its end: children joined, or what it did undone."""
    try:
        value = drive(body(ctx, *args, **kwargs))
        if isinstance(value, Continuation):
            value = value.get()
    except Exception as error:
        ctx.fail(error)
        raise
    ctx.close()
    return value
