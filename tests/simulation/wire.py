"""The way of a simulated process to the store: where others get their turn, where faults hit, and where all is seen."""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import inf
from typing import Any, Protocol

from durable_celery.errors import LeaseLost, StoreUnavailable
from durable_celery.promise import Promise, State
from durable_celery.store import Claimed, Created, Creation, Outcome, Refused
from tests.simulation import faulty, monitor
from tests.simulation.faulty import Actor, Crash, Kind
from tests.simulation.register import Call, outcome_of

#: Everything that takes a way to the store.
VERBS = faulty.VERBS | {"get", "read", "progress", "state"}


class World(Protocol):
    """What a wire needs of the world around it."""

    hub: Any
    rng: Any
    effects: Any
    registers: Any
    seen: Any
    bench: Any
    log: Callable[..., None]
    tick: int

    def fault(self) -> Kind | None:
        """What hits the next call."""

    def count(self, what: str) -> None:
        """Note that it happened."""

    def freeze(self, actor: Actor) -> None:
        """It does nothing for a time that is longer than its lease, mostly."""


class Wire:
    """A store as one process sees it."""

    def __init__(self, world: World, actor: Actor) -> None:
        self._world = world
        self._actor = actor

    def __getattr__(self, verb: str) -> Any:
        method = getattr(self._world.bench.store, verb)
        return functools.partial(self._call, verb, method) if verb in VERBS else method

    def _call(self, verb: str, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        world, actor = self._world, self._actor
        if actor.dead:
            raise Crash(actor.name)
        world.tick += 1
        asked, kind = world.tick, world.fault()
        if kind is Kind.FREEZE:
            world.freeze(actor)
        world.hub.pause()  # the request is on its way
        if kind is Kind.CRASH_WITHIN and verb == "spawn":
            args = (*args[:2], args[2][:1])
        exchange = _Exchange(world, actor, verb, args, functools.partial(method, *args, **kwargs), asked)
        return self._answered(kind, exchange)

    def _answered(self, kind: Kind | None, exchange: _Exchange) -> Any:
        world, actor = self._world, self._actor
        if kind in (Kind.CRASH_BEFORE, Kind.ERROR_BEFORE):
            self._fail(kind)
        reply = exchange.make()
        exchange.note(inf)  # what it has written can be seen before its caller knows
        if kind is Kind.REPLY_LOST:  # the client asks again, and others were there meanwhile
            world.hub.pause()
            reply = exchange.make()
        if kind in (Kind.CRASH_AFTER, Kind.CRASH_WITHIN, Kind.ERROR_AFTER):
            self._fail(kind)
        if kind is Kind.STALL:
            world.freeze(actor)
        if kind is Kind.STALL or world.rng.random() < 0.3:
            world.hub.pause()  # the reply is on its way
        world.tick += 1
        exchange.note(world.tick)
        return reply()

    def _fail(self, kind: Kind) -> None:
        self._actor.troubled = True
        if kind in (Kind.ERROR_BEFORE, Kind.ERROR_AFTER):
            raise StoreUnavailable("no answer")
        self._actor.dead = True
        raise Crash(self._actor.name)


class _Exchange:
    """One call, perhaps made twice, and what came of it."""

    def __init__(
        self, world: World, actor: Actor, verb: str, args: tuple[Any, ...], call: Callable[[], Any], asked: int
    ) -> None:
        self._world, self._actor, self._verb, self._args = world, actor, verb, args
        self._call, self._asked = call, asked
        self._answer: Any = None
        self._made = False
        self._age = world.registers.age

    def make(self) -> Callable[[], Any]:
        """Make it, look at what it changed, and hold its answer back."""
        world, first = self._world, self._answer
        try:
            answer = self._call()
        except Exception as error:
            answer = error
        except LeaseLost as error:
            answer = error
            self._actor.troubled = True
        before, world.seen = world.seen, world.bench.snapshot()
        if self._verb not in monitor.FENCED or self._args[0].id in before.rows:
            again = self._made and self._verb != "claim"  # it may be told once more that it did what it did
            monitor.check("again" if again else self._verb, self._args, answer, before, world.seen)
        self._made = True
        if self._verb == "checkpoint" and not isinstance(answer, BaseException):
            world.effects.record(self._args[2])
        world.log(self._actor.name, self._verb, *_told(self._verb, self._args), type(answer).__name__)
        if self._verb == "claim" and isinstance(answer, Claimed):
            self._actor.token, self._actor.execution = answer.hold.token, answer.hold.id
        # What the first one settled is its own: the second is told of it as one who comes later.
        self._answer = first if _settled_by(self._verb, first) else answer
        return functools.partial(_give, answer)

    def note(self, answered: float) -> None:
        """Add it to the calls whose order is to be found."""
        world, name, answer = self._world, self._actor.name, self._answer
        if world.registers.age != self._age:
            return
        known = answered < inf
        note = functools.partial(Call, name, self._asked, answered)
        if self._verb == "settle":
            promise_id, state, value = self._args[:3]
            if not known:
                world.registers.add(promise_id, note((state, value), writes=True))
            elif isinstance(answer, tuple):
                won = answer[0] is Creation.FRESH
                world.registers.add(promise_id, note(outcome_of(answer[1]), writes=won, won=won))
        elif self._verb == "fulfil":
            outcome: Outcome = self._args[2]
            if known and not isinstance(answer, BaseException):
                world.registers.add(self._args[0].id, note((outcome.state, outcome.value), writes=True, won=True))
            elif not known:
                world.registers.add(self._args[0].id, note((outcome.state, outcome.value), writes=True))
        elif self._verb == "cancel":
            world.registers.cancelled(self._asked)
        elif known and (promise := _promise_in(answer)) is not None:
            world.registers.add(promise.id, note(outcome_of(promise)))
        elif known and self._verb == "checkpoint" and not isinstance(answer, BaseException):
            world.registers.add(self._args[0].id, note(None))


def _settled_by(verb: str, answer: Any) -> bool:
    return verb == "settle" and isinstance(answer, tuple) and answer[0] is Creation.FRESH


def _promise_in(answer: Any) -> Promise | None:
    if isinstance(answer, Promise):
        return answer
    if isinstance(answer, tuple) and answer and isinstance(answer[0], Promise):
        return answer[0]
    if isinstance(answer, Refused) and answer.promise is not None and answer.promise.state is State.PENDING:
        return answer.promise
    return answer.promise if isinstance(answer, Created | Claimed | Refused) else None


def _told(verb: str, args: tuple[Any, ...]) -> list[str]:
    """Which promise, and where in its journal."""
    if verb == "beat":
        return [each.hold.id for each in args[0]]
    if verb == "create":
        return [args[0].id]
    if verb == "checkpoint":
        return [args[0].id, *(path for path, _ in args[2])]
    if verb == "spawn":
        return [args[0].id, *(birth.child.id for birth in args[2])]
    return [args[0].id if verb in monitor.FENCED or verb == "progress" else str(args[0])] if args else []


def _give(answer: Any) -> Any:
    if isinstance(answer, BaseException):
        raise answer
    return answer
