"""Forks: an execution anew from one of its steps, under another id. What was recorded before that step is kept."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from durable_celery import ids
from durable_celery.codec import Codec
from durable_celery.errors import DurableError, Expired, IdConflict, InvalidArguments
from durable_celery.journal import BODY, DELIVERED, Entry, decode_outcome, position_of, prefix_of
from durable_celery.newpromise import NewPromise
from durable_celery.promise import Phase, Promise, State
from durable_celery.registry import Registry, check_arguments
from durable_celery.settings import Settings
from durable_celery.store import Ready, Store

Arguments = tuple[Sequence[Any], Mapping[str, Any]]
_GENERATION = re.compile(r"~([0-9]+)\Z")
#: Characters of a long id that are kept: with a digest and the number of any generation they are within the limit.
_KEPT = 96


class Forks:
    """Makes forks. The parts are asked for at each call."""

    def __init__(
        self,
        *,
        store: Callable[[], Store],
        registry: Registry,
        codec: Codec,
        settings: Callable[[], Settings],
        publish: Callable[[Sequence[Ready]], None],
    ) -> None:
        self._store = store
        self._registry = registry
        self._codec = codec
        self._settings = settings
        self._publish = publish

    def fork(
        self,
        promise_id: str,
        from_step: int | str | None,
        new_id: str | None,
        version: int | None,
        call: Arguments | None = None,
    ) -> str:
        """Start the fork, or find the one that has the new id; answers the new id.

        It has the arguments of the old one, unless a `call` says others.
        """
        source, journal = self._store().read(ids.check_any(promise_id))
        if not source.is_execution:
            raise DurableError(f"{promise_id!r} is an external promise: there is nothing in it to execute again")
        before = _failed_at(journal) if from_step is None else _position(source, from_step)
        before = int(min(before, _open_at(journal)))
        copy = self._copy(source, version, f"{source.id} {before}")
        if call is not None:
            copy = self._called(copy, source, *call)
        fork_id = ids.check_root(new_id or successor(source.id))
        while True:
            try:
                created = self._store().create(replace(copy, id=fork_id), journal=prefix_of(journal, before))
                p = created.promise
                if p.key_for_create == copy.key:
                    break
            except Expired:
                if new_id is not None:
                    raise
                fork_id = successor(fork_id)
                continue
            if new_id is not None:
                raise IdConflict(fork_id, "another execution, or a fork from another step")
            fork_id = successor(fork_id)
        if created.fresh and p.phase is Phase.READY:
            self._publish([Ready(p.id, p.function, p.version, p.queue, p.priority, p.canvas)])
        return fork_id

    def _copy(self, source: Promise, version: int | None, key: str) -> NewPromise:
        retention_ms = self._settings().retention_ms
        return NewPromise(
            id=source.id,
            key=key,
            function=source.function,
            version=version or source.version,
            args=source.args,
            digest=source.digest,
            queue=source.queue,
            priority=source.priority,
            tags=source.tags,
            retention_ms=retention_ms,
            tombstone_ms=self._settings().tombstone_of(retention_ms),
            mirror=source.mirror,
            object=source.object,
            access=source.access,
        )

    def _called(self, copy: NewPromise, source: Promise, args: Sequence[Any], kwargs: Mapping[str, Any]) -> NewPromise:
        """The same with other arguments: then it is another fork."""
        if self._registry.has(copy.function, copy.version):
            registered = self._registry.get(copy.function, copy.version)
            if registered.handler is not None:
                raise InvalidArguments(f"{source.id!r} is a call of a handler, which is forked with its own argument")
            check_arguments(registered, tuple(args), dict(kwargs))
        payload, digest = self._codec.call(copy.function, tuple(args), dict(kwargs))
        return replace(copy, args=payload, digest=digest, key=f"{copy.key} {digest}")


def successor(promise_id: str) -> str:
    """The id of the next try of an execution: `order-1`, `order-1~2`, `order-1~3`; a child's becomes a root's.

    Of an id that is too long for that its beginning and a digest are kept.
    """
    generation = _GENERATION.search(promise_id)
    first = promise_id[: generation.start()] if generation else promise_id
    number = f"~{int(generation[1]) + 1}" if generation else "~2"
    if len(first) + len(number) > ids.MAX_ROOT_LENGTH:
        first = f"{first[:_KEPT]}-{hashlib.sha256(first.encode()).hexdigest()[:20]}"
    return first + number


def _position(source: Promise, step: int | str) -> int:
    """The position of a step, given as that or as the step's id."""
    if isinstance(step, str):
        step = position_of(step.removeprefix(source.id + "."))
    if step < 1:
        raise DurableError("a step is given by its position in the body, from 1, or by its id as `steps()` shows it")
    return step


def _failed_at(journal: dict[str, str]) -> int:
    """The position of the first step that failed; without one, the position after the last: everything is kept."""
    steps = _steps(journal)
    failed = [position for position, state in steps.items() if state not in (State.RESOLVED, State.PENDING)]
    return min(failed, default=max(steps, default=0) + 1)


def _open_at(journal: dict[str, str]) -> float:
    """The position of the first step that is not over: what it waits for belongs to the execution that asked."""
    return min((position for position, state in _steps(journal).items() if state is State.PENDING), default=math.inf)


def _steps(journal: dict[str, str]) -> dict[int, State]:
    """How each step of the body stands, by position."""
    found: dict[int, State] = {}
    for path, text in journal.items():
        if path.isdecimal() and path != BODY:
            entry, delivered = Entry.decode(text), journal.get(path + DELIVERED)
            started = State.RESOLVED if entry.kind == "detached" else entry.state
            found[int(path)] = started if delivered is None else decode_outcome(delivered).state
    return found
