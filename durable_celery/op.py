"""Op: one durable operation, waited for by `yield op`, `await op` or `op.get()`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

from durable_celery import clock, ids
from durable_celery.calloptions import CallOptions
from durable_celery.codec import Codec
from durable_celery.errors import DurableError
from durable_celery.journal import Entry, Journal, scope_of
from durable_celery.newpromise import NewPromise
from durable_celery.promise import Promise
from durable_celery.registry import Registry
from durable_celery.retry import RetryPolicy
from durable_celery.state import State as ObjectState
from durable_celery.store import Await, Born, Change, Group, Ready, Store

T = TypeVar("T")
_PACKAGE = str(Path(__file__).parent) + os.sep


@dataclass(frozen=True, slots=True)
class TaskCallText:
    """A call of a Celery task or canvas, as text: its name, its signature, and the digest to compare calls by."""

    name: str
    signature: str
    digest: str


class Tasks(Protocol):
    """The Celery tasks of the application, as children; handed down from the room that speaks Celery."""

    def takes(self, target: object) -> bool:
        """Whether this is a Celery task, a signature or a canvas."""

    def prepare(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> TaskCallText:
        """The call as text. Raises TypeError when arguments do not fit, NotSerializable, PayloadTooLarge."""

    def pack(self, call: TaskCallText, child: NewPromise, parent: str, queue: str, options: CallOptions) -> str:
        """What a record keeps to send it with, now and again; its callback goes to `queue`.

        Raises TypeError for options that mean nothing for this call.
        """

    def send(self, child: Promise) -> None:
        """Publish the message of a task child. Never raises: a sweep does what could not be done now."""


class Spawning(Protocol):
    """An operation that makes a promise."""

    def opened(self) -> tuple[str, Entry, NewPromise]:
        """Its position, its entry, and the promise."""

    def spawned(self, found: Born) -> None:
        """What came of it."""


class Performer(Protocol):
    """What an operation asks of the attempt that it belongs to."""

    journal: Journal
    codec: Codec
    registry: Registry
    #: What holds for steps whose call and registration say nothing.
    retry: RetryPolicy
    dependencies: Mapping[str, Any]
    #: How long those who are cancelled may compensate, unless told otherwise.
    cancel_grace_ms: int
    #: None without a Celery application.
    tasks: Tasks | None
    #: That of the object that the execution is a call to.
    state: ObjectState

    def now_ms(self) -> int:
        """The store's time, or a little less: a worker learns it late."""

    def passed(self, at_ms: int) -> None:
        """Note that the store's clock has reached this instant."""

    def find(self, op: Op[Any]) -> Entry | None:
        """The journal's entry for an operation, None for a new one; ends the attempt when another one stands there."""

    def admit(self) -> None:
        """Called before work starts: raises when this attempt must not start any."""

    def checkpoint(self, path: str, entry: Entry, changes: Sequence[Change] = ()) -> None:
        """Record an entry, fenced, with changes to the state of its object."""

    def ask(self, question: Callable[[Store], T]) -> T:
        """Ask the store something, or tell it something of others; a failure of the store ends the attempt."""

    def spawn(self, calls: Sequence[Spawning]) -> None:
        """Record each with the promise it refers to, fenced; hint that these are ready. Tells each what came of it."""

    def publish(self, ready: Sequence[Ready]) -> None:
        """Hint that executions are ready. Never raises: a sweep does what could not be done now."""

    def begin_all(self, ops: Sequence[Op[Any]]) -> None:
        """Begin all, new remote children together."""

    def start(self, op: Op[Any]) -> None:
        """Execute a local child on a thread of its own."""

    def progress(self, text: str, line: str = "") -> None:
        """Say how far the execution is, or a line of its log, for people; nothing while the body is replayed."""

    def abandon(self, path: str) -> None:
        """Nobody waits for the local child at this path any more: let it end at its next operation."""

    def later(self, op: Op[Any]) -> None:
        """Begin an operation before anything else is made or waited for."""

    def flush(self) -> None:
        """Begin what was put off by `later`."""

    def wait(self, op: Op[T]) -> T:
        """The operation's value, or raise its error; suspends the execution when it is not there yet."""


class Owner(Protocol):
    """The context that an operation was made by."""

    def limit(self, op: Op[T], ms: int) -> Op[T]:
        """The operation or a timer of so many milliseconds, whichever is first."""


class Op(Generic[T]):
    """One operation of a durable body.

    It has a position in the journal from the moment it is made, so operations
    must be made in the same order in every replay.
    """

    kind = "op"

    def __init__(self, performer: Performer, name: str, path: str) -> None:
        self.performer = performer
        self.name = name
        self.path = path
        self.awaited = False
        self.begun = False
        self.deferred = False
        self.owner: Owner | None = None
        self._line = _caller()

    def __repr__(self) -> str:
        return f"ctx.{self.kind}({self.name})"

    @property
    def key(self) -> str:
        """What it is known by among those that a body may be waiting for; most have a position."""
        return self.path

    @property
    def keys(self) -> tuple[str, ...]:
        """Its key, and those of the operations that it is made of."""
        return (self.key,)

    @property
    def scope(self) -> str:
        """The path of the local child that it was made in; empty for the body itself."""
        return scope_of(self.key)

    @property
    def where(self) -> str:
        """The file and line that made it."""
        return f"{self._line[0]}:{self._line[1]}"

    def get(self) -> T:
        """Wait for it in a plain body."""
        return self.performer.wait(self)

    def timeout(self, seconds: float | timedelta) -> Op[T]:
        """This operation against a timer of `seconds`: TimeoutError when the timer ends first."""
        assert self.owner is not None
        return self.owner.limit(self, clock.to_ms(seconds))

    def __await__(self) -> Generator[Op[T], T, T]:
        return (yield self)

    def options(
        self,
        *,
        id: str | None = None,
        name: str | None = None,
        version: int | None = None,
        retry: RetryPolicy | None = None,
        timeout: float | timedelta | None = None,
        delay: float | timedelta | None = None,
        queue: str | None = None,
        priority: int | None = None,
        tags: dict[str, str] | None = None,
        lost: str | None = None,
        lost_after: float | timedelta | None = None,
    ) -> Self:
        """Say more about this call, before it begins; answers the operation itself.

        `id` gives a remote child an id of one's own, so that all who ask for it
        share one execution. Durations are seconds or timedelta. `lost` and
        `lost_after` are for Celery tasks: what to do ("resend", "fail" or
        "wait") about one of which nothing was heard for so long.
        """
        if self.begun:
            raise DurableError(f"{self!r} has begun: give its options where it is made")
        self.configure(
            CallOptions(
                id=None if id is None else ids.check_root(id),
                name=name,
                version=version,
                retry=retry,
                timeout_ms=None if timeout is None else clock.to_ms(timeout),
                delay_ms=None if delay is None else clock.to_ms(delay),
                queue=queue,
                priority=priority,
                tags=tags,
                lost=lost,
                lost_after_ms=None if lost_after is None else clock.to_ms(lost_after),
            )
        )
        return self

    # What the engine calls.

    def configure(self, options: CallOptions) -> None:
        """Take options on; raises TypeError for those that mean nothing here."""
        if options.said():
            raise TypeError(f"{self!r} takes no options ({', '.join(options.said())})")

    def begin(self) -> None:
        """Start it, once: look it up in the journal, or write what makes it happen."""
        if not self.begun:
            self.begun = True
            self.start(self.performer.find(self))

    def run(self) -> None:
        """Do what the waiting thread can do itself before it blocks."""
        self.begin()

    def start(self, entry: Entry | None) -> None:
        """Begin from the recorded entry, or anew when there is none."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Whether its outcome is known."""
        raise NotImplementedError

    def take(self) -> T:
        """The value, or raise the error; only when ready."""
        raise NotImplementedError

    def error(self) -> Exception | None:
        """What `take` would raise, None for a value; only when ready, and without writing anything."""
        try:
            self.take()
        except Exception as error:
            return error
        return None

    def awaits(self) -> list[Await]:
        """What of the outside world it waits for; empty when it waits for threads of this process only."""
        return []

    @property
    def fails_fast(self) -> bool:
        """Whether one failure among its awaits may be all that it waits for."""
        return False

    def groups(self) -> list[Group]:
        """Its awaits as wake-up conditions, of which the first to be complete may make it ready."""
        awaits = tuple(self.awaits())
        return [Group(awaits, len(awaits), self.fails_fast)] if awaits else []

    def mark_awaited(self) -> None:
        """Note that the body waits for it."""
        self.awaited = True


def _caller() -> tuple[str, int]:
    """The file and line outside of this package that made an operation."""
    frame = sys._getframe(2)
    while frame.f_code.co_filename.startswith(_PACKAGE) and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno
