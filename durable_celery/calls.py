"""Calls: what a body asks for, made into local children and new promises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from durable_celery import ids
from durable_celery.body import finish_step
from durable_celery.calloptions import CallOptions
from durable_celery.handler import Handler
from durable_celery.newpromise import DEFAULT_RETENTION_MS, NewPromise
from durable_celery.op import Op, Performer, Tasks
from durable_celery.operations.rpc import Continuation, Detached, RemoteCall
from durable_celery.operations.run import LocalCall
from durable_celery.operations.task import TaskCall
from durable_celery.promise import Access
from durable_celery.registry import Options, Registered, check_arguments, name_of, wants_context
from durable_celery.retry import RetryPolicy
from durable_celery.serde import Serde, pack, unpack

Target = Callable[..., Any] | str
_NOTHING = Options()
PerformAt = Callable[[str, Callable[..., Any], Sequence[Any], dict[str, Any]], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """What a body may know of its execution."""

    id: str
    function: str
    version: int
    attempt: int
    tree: str
    tags: dict[str, str]
    created_at: int
    deadline_at: int | None
    mirror: bool
    queue: str = ""
    object: str = ""
    access: Access = Access.SHARED
    held: str = ""
    args: str = "[[],{}]"

    @property
    def holding(self) -> list[str]:
        """The virtual objects and runs that cannot be called until this execution and its callers are over."""
        own = [] if self.access is Access.SHARED else [self.object]
        return [*self.held.split("\n")] * bool(self.held) + own


class Calls:
    """Makes the children of one context. A call that is refused takes no position."""

    def __init__(self, performer: Performer, info: Info, next_path: Callable[[], str], perform_at: PerformAt) -> None:
        self._performer = performer
        self._info = info
        self._next_path = next_path
        self._perform_at = perform_at

    def local(self, fn: Target, args: tuple[Any, ...], kwargs: dict[str, Any]) -> LocalCall[Any]:
        """A child in this process: a registered function, by itself or by name, or any other function."""
        registered = self._resolve(fn)
        function = registered.fn if registered is not None else fn
        if not callable(function):
            raise TypeError(f"ctx.run takes a function or the name of a registered one, not {function!r}")
        if registered is not None:
            check_arguments(registered, args, kwargs)
        with_context = registered is not None or wants_context(function, args, kwargs)
        path = self._next_path()

        def call() -> Any:
            if with_context:
                return self._perform_at(path, function, args, kwargs)
            return finish_step(function(*args, **kwargs))

        name = registered.name if registered is not None else name_of(function)
        options = _said(fn, registered)
        step_id = ids.child_id(self._info.id, path)
        made: LocalCall[Any] = LocalCall(
            self._performer, name, path, step_id, call, options.retry or self._performer.retry
        )
        timeout_ms = _own(fn).timeout_ms
        if timeout_ms is not None:
            made.configure(CallOptions(timeout_ms=timeout_ms))
        return made

    def step(
        self,
        name: str,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        retry: RetryPolicy | None,
        serde: Serde[Any],
    ) -> LocalCall[Any]:
        """A child in this process with a name, a policy and a serde of its own."""
        made = self.local(fn, args, kwargs)
        made.configure(CallOptions(name=name, retry=retry))
        made.keep_by(lambda value: pack(serde, value), lambda packed: unpack(serde, packed))
        return made

    def remote(self, fn: Target, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Op[Any]:
        """A child as an execution of its own, that belongs to this one."""
        tasks = self._performer.tasks
        if tasks is not None and tasks.takes(fn) and self._resolve(fn) is None:
            return self._task(tasks, fn, args, kwargs)
        path, child = self.child(fn, args, kwargs)
        return RemoteCall(self._performer, child.function, path, child)

    def detached(self, fn: Target, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Op[str]:
        """An execution of its own that belongs to nobody."""
        path, child = self.child(fn, args, kwargs, detached=True)
        return Detached(self._performer, child.function, path, child)

    def continuation(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Continuation:
        """The same version of the same function, called anew."""
        function = self._performer.registry.get(self._info.function, self._info.version)
        if self._info.object:
            raise TypeError(f"{function.name} has a key: instead of going on it sends a call to itself")
        if isinstance(function.handler, Handler):
            args = function.handler.packed(*args)
        path, child = self.child(function.fn, args, kwargs)
        return Continuation(self._performer, child.function, path, replace(child, version=function.version))

    def _task(self, tasks: Tasks, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> TaskCall:
        call, info = tasks.prepare(target, args, kwargs), self._info
        path = self._next_path()
        child = NewPromise(
            id=ids.child_id(info.id, path), digest=call.digest, parent=info.id, tree=info.tree, canvas=call.name
        )
        return TaskCall(self._performer, path, child, tasks, call, info.queue)

    def child(
        self, fn: Target, args: tuple[Any, ...], kwargs: dict[str, Any], *, detached: bool = False
    ) -> tuple[str, NewPromise]:
        """A position, and what is to be made there."""
        registered = None if isinstance(fn, str) else self._resolve(fn)
        if registered is None and not isinstance(fn, str):
            raise TypeError(_not_a_child(fn, detached=detached))
        options = _said(fn, registered)
        if registered is not None:
            check_arguments(registered, args, kwargs)
        if _own(fn).retry is not None:
            raise TypeError(f"the retry= of {name_of(fn)!r} belongs to its registration, since it runs elsewhere")
        codec, info = self._performer.codec, self._info
        name = registered.name if registered is not None else str(fn)
        payload, digest = codec.call(name, args, kwargs)
        path = self._next_path()
        child_id = ids.child_id(info.id, path)
        return path, NewPromise(
            id=child_id,
            function=name,
            version=registered.version if registered is not None else 1,
            args=payload,
            digest=digest,
            queue=options.queue or "",
            priority="" if options.priority is None else str(options.priority),
            parent=info.id,
            tree=child_id if detached else info.tree,
            timeout_ms=options.timeout_ms,
            delay_ms=options.delay_ms or 0,
            retention_ms=options.retention_ms if options.retention_ms is not None else DEFAULT_RETENTION_MS,
            tags=codec.encode(options.tags, "tags") if options.tags else "",
            mirror=info.mirror,
            held="" if detached else "\n".join(info.holding),
        )

    def _resolve(self, fn: Target) -> Registered | None:
        if isinstance(fn, str):
            return self._performer.registry.get(fn)
        registered = getattr(fn, "registered", None)
        return registered if isinstance(registered, Registered) else self._performer.registry.of(fn)


def _not_a_child(fn: Any, *, detached: bool) -> str:
    """Why something is no remote child."""
    if not hasattr(fn, "apply_async"):
        return (
            f"ctx.rpc takes a registered function or its name, not {name_of(fn)!r}: "
            "register it, or call it in this process with ctx.run"
        )
    if detached:
        return f"{fn!r} is a Celery task, which has no life in the store of its own: call its delay in a step"
    return f"{fn!r} is a Celery task; as a child it needs Durable(app), with a broker and workers"


def _own(fn: Target) -> Options:
    """What `function.options(…)` said of this copy of it."""
    own = getattr(fn, "own", None)
    return own if isinstance(own, Options) else _NOTHING


def _said(fn: Target, registered: Registered | None) -> Options:
    """The same, filled up from its registration."""
    return _own(fn).over(registered.options) if registered is not None else _own(fn)
