"""FaultyStore: any store, with a fault injected at the calls that are told."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from durable_celery.store import Store

#: Every verb that a fault can hit.
VERBS = frozenset(
    [
        "create",
        "claim",
        "checkpoint",
        "spawn",
        "suspend",
        "fulfil",
        "settle",
        "beat",
        "sweep",
        "crashed",
        "lapse",
        "release",
        "cancel",
        "heed",
        "park",
        "resume",
    ]
)


class Kind(StrEnum):
    """What can happen at one call to the store."""

    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"
    CRASH_WITHIN = "crash after the first of several births; else as crash after"
    REPLY_LOST = "reply lost, call repeated"
    FREEZE = "frozen before the call, the world goes on, then the call goes through"
    STALL = "the call went through, frozen before its reply, the world goes on, then the reply comes"
    ERROR_BEFORE = "the store fails without having done it"
    ERROR_AFTER = "the store has done it and fails"
    NAP = "frozen for longer than its lease, and nobody noticed"
    DRAIN = "the worker is told to stop"
    CANCEL_BEFORE = "a client cancels the execution just before"
    CANCEL_AFTER = "a client cancels the execution just after"
    CANCEL_GENTLY = "a client cancels the execution just before, with a long grace"


#: What may not cost a single execution more.
FREE = frozenset((Kind.REPLY_LOST, Kind.NAP, Kind.DRAIN))


class Crash(BaseException):
    """The process is gone: nothing catches it, and nothing of this actor reaches the store any more."""


class StoreBroke(Exception):
    """Stands for an error of the store that nobody foresaw."""


@dataclass(eq=False)
class Actor:
    """One process: a worker, a client, a sweeper."""

    name: str
    dead: bool = False
    draining: bool = False
    troubled: bool = False
    token: str = ""
    execution: str = ""
    turn: threading.RLock = field(default_factory=threading.RLock)


class World(Protocol):
    """What the faults of a call need of the world around it."""

    def observed(self, actor: Actor, verb: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        """Make the call, and check what it changed."""

    def repeated(self, call: Callable[[], Any]) -> Any:
        """Make the call as a client does that never got the first reply."""

    def meanwhile(self) -> None:
        """The rest of the world goes on to its end, and this actor's lease has lapsed."""

    def cancel(self) -> None:
        """A client cancels the execution."""

    def cancel_gently(self) -> None:
        """The same with a grace longer than any history."""

    def nap(self) -> None:
        """Time passes, nothing else happens."""


class FaultyStore:
    """A store as one actor sees it."""

    def __init__(self, store: Store, faults: Faults, actor: Actor) -> None:
        self._store = store
        self._faults = faults
        self._actor = actor

    def __getattr__(self, verb: str) -> Any:
        method = getattr(self._store, verb)
        return functools.partial(self._call, verb, method) if verb in VERBS else method

    def _call(self, verb: str, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return self._faults.call(self._actor, verb, args, functools.partial(method, *args, **kwargs))


class Plan(Protocol):
    """Which fault hits which call; a dict by number will do."""

    def get(self, number: int, call: Any, /) -> Any:
        """The kind for call number so and so, whose description is given; anything else is none."""


class Faults:
    """Counts all calls of a history and injects what was planned."""

    def __init__(self, world: World, planned: Plan) -> None:
        self.calls: list[str] = []
        self.hit: list[tuple[int, Kind]] = []
        self._world = world
        self._planned = planned
        self._lock = threading.Lock()

    def call(self, actor: Actor, verb: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        """One call by one actor; the threads of a frozen or dead one get no further."""
        with actor.turn:
            if actor.dead:
                raise Crash(actor.name)
            with self._lock:
                number = len(self.calls)
                self.calls.append(f"{actor.name} {verb}")
            kind = self._planned.get(number, self.calls[number])
            if not isinstance(kind, Kind):
                return self._world.observed(actor, verb, args, call)
            self.hit.append((number, kind))
            return self._inject(kind, actor, verb, args, call)

    def _inject(self, kind: Kind, actor: Actor, verb: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if kind is Kind.CRASH_WITHIN:
            kind = Kind.CRASH_AFTER
            if verb == "spawn" and isinstance(call, functools.partial):
                hold, cursor, births = args
                args = (hold, cursor, births[:1])
                call = functools.partial(call.func, *args)
        through = functools.partial(self._world.observed, actor, verb, args, call)
        if kind is Kind.REPLY_LOST:
            return self._world.observed(actor, verb, args, lambda: self._world.repeated(call))
        if kind is Kind.FREEZE:
            self._world.meanwhile()
            return through()
        if kind is Kind.CANCEL_BEFORE:
            self._world.cancel()
            return through()
        if kind is Kind.CANCEL_GENTLY:
            self._world.cancel_gently()
            return through()
        if kind is Kind.CANCEL_AFTER:
            reply = _reply(through)
            self._world.cancel()
            return reply()
        if kind is Kind.STALL:
            reply = _reply(through)
            self._world.meanwhile()
            return reply()
        if kind in (Kind.DRAIN, Kind.NAP):
            actor.draining = actor.draining or kind is Kind.DRAIN
            if kind is Kind.NAP:
                self._world.nap()
            return through()
        actor.troubled = True
        if kind in (Kind.CRASH_AFTER, Kind.ERROR_AFTER):
            _reply(through)
        if kind in (Kind.CRASH_BEFORE, Kind.CRASH_AFTER):
            actor.dead = True
            raise Crash(actor.name)
        raise StoreBroke(verb)


def _reply(call: Callable[[], Any]) -> Callable[[], Any]:
    """Make the call now; its answer, or its refusal, comes when the result is called."""
    try:
        answer = call()
    except Exception as error:
        refusal = error
    except BaseException as error:
        if type(error).__module__ != "durable_celery.errors":
            raise
        refusal = error  # the engine's own signals, LeaseLost above all
    else:
        return lambda: answer
    return functools.partial(_raise, refusal)


def _raise(error: BaseException) -> Any:
    raise error
