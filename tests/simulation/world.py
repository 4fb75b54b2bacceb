"""A history: one execution from its creation to its end, on one thread, with everything around the engine played.

The driver is broker, workers, sweeper, and whoever settles promises from
outside, in turn. Engine and store are the real ones. Every attempt is made by
a process of its own, so that a crash takes nothing but that process away.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from durable_celery.codec import Codec
from durable_celery.engine import Departure, Engine, Left
from durable_celery.errors import AlreadySettled, LeaseLost
from durable_celery.handlers import Handlers
from durable_celery.lease import Keeper, Lease
from durable_celery.promise import Phase, Promise, State
from durable_celery.promises import Promises
from durable_celery.registry import Options, Registered, Registry, name_of
from durable_celery.settings import Settings
from durable_celery.start import Starter
from durable_celery.store import Hold, Ready
from tests.simulation import monitor
from tests.simulation.benches import Bench
from tests.simulation.faulty import FREE, Actor, Crash, Faults, FaultyStore, Plan, StoreBroke
from tests.simulation.ledger import ACTOR, LEDGER
from tests.simulation.monitor import Violation

ROOT = "R"
LEASE_MS = 30_000
MAX_ATTEMPTS = 5
_ROUNDS = 200


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One execution to be played: its functions (the first is the root), and what it must come to.

    `outside` is what external promises are resolved with. `sequential` shapes
    have at most one step in flight.
    """

    name: str
    functions: tuple[Callable[..., Any], ...]
    args: tuple[Any, ...] = ()
    state: State = State.RESOLVED
    value: Any = None
    outside: Any = None
    steps: int | None = None
    sequential: bool = True
    services: tuple[Handlers, ...] = ()

    def __str__(self) -> str:
        return self.name


#: Longer than any history.
LONG_GRACE_MS = 1000 * 3600 * 1000


class QuietKeeper(Keeper):
    """A keeper that beats when it is asked, and never by itself."""

    @contextmanager
    def keep(
        self,
        hold: Hold,
        on_lost: Callable[[], None],
        asked_ms: float,
        on_cancelled: Callable[[], None] = lambda: None,
    ) -> Iterator[Lease]:
        yield Lease(hold, on_lost, asked_ms, on_cancelled)


@dataclass
class World:
    """Plays one shape on one bench."""

    bench: Bench
    shape: Shape
    faults: Plan = field(default_factory=dict)
    #: What the broker makes of the hints it is given; those of a sweep arrive as they are.
    broker: Callable[[list[str]], Sequence[str]] = list
    #: Whether every call is checked against the named properties.
    watched: bool = True

    def __post_init__(self) -> None:
        self.bench.clear()
        LEDGER.clear(self._step_begins)
        self.codec, self.registry = Codec(), Registry()
        for fn in self.shape.functions:
            self.registry.add(Registered(name_of(fn), 1, fn))
        for service in self.shape.services:
            for registered in service.registrations():
                self.registry.add(registered)
        self.injector = Faults(self, self.faults)
        self.messages: deque[str] = deque()
        self.departures: list[Left] = []
        self.seen = self.bench.snapshot()
        self._actors = 0
        self._lock = threading.RLock()

    # The story

    def play(self) -> World:
        """From the creation to the end."""
        self.submit()
        self.go_on()
        return self

    def submit(self) -> None:
        """A client creates the execution, and again until it was answered."""
        while True:
            actor = self.actor("client")
            starter = Starter(
                registry=self.registry,
                codec=self.codec,
                settings=Settings,
                store=lambda actor=actor: self.store(actor),
                publish=self.publish,
                mirror=False,
            )
            try:
                starter.start(ROOT, name_of(self.shape.functions[0]), 1, self.shape.args, {}, Options())
            except (Crash, StoreBroke):
                continue
            return

    def go_on(self) -> None:
        """Until everything is settled, parked, or stuck."""
        for _ in range(_ROUNDS):
            if self.messages:
                self.work(self.messages.popleft())
            elif self.over:
                return
            elif not self.settle_from_outside():
                self.let_time_pass()
        raise Violation("every execution comes to its end", self.seen)

    @property
    def over(self) -> bool:
        """Whether nothing will happen any more."""
        rows = self.seen.rows.values()
        return all(row.promise.state.settled or row.promise.phase is Phase.PARKED for row in rows)

    def work(self, promise_id: str) -> None:
        """A worker takes a hint."""
        actor = self.actor("worker")
        outer = ACTOR.set(actor)
        strands = set(threading.enumerate())
        try:
            self.departures.append(self.engine(actor).attempt(promise_id, actor.name))
        except Crash:
            actor.dead = True
        except StoreBroke as error:
            self._report(actor, promise_id, error)
        finally:
            for strand in set(threading.enumerate()) - strands:
                if strand.name.startswith(f"durable-{ROOT}"):
                    strand.join()
            ACTOR.reset(outer)

    def settle_from_outside(self) -> bool:
        """Somebody resolves an external promise that is waited for; False when there is none."""
        for promise_id, row in self.seen.rows.items():
            if row.promise.phase is Phase.NONE and not row.promise.state.settled and row.awaiters:
                promises = Promises(
                    store=lambda: self.store(self.actor("client")),
                    codec=self.codec,
                    settings=Settings,
                    publish=self.publish,
                )
                try:
                    promises.resolve(promise_id, self.shape.outside, idempotency_key="the client's")
                except (Crash, StoreBroke, AlreadySettled):
                    pass  # whoever asks again, or came too late, changes nothing
                return True
        return False

    def let_time_pass(self) -> None:
        """Nothing is left to do now: a sweep, and the clock moves to what is due next."""
        try:
            found = self.store(self.actor("sweeper")).sweep(MAX_ATTEMPTS)
        except (Crash, StoreBroke):
            return
        self.messages.extend(row.id for row in found.ready)
        if not found.ready and found.next_due_ms is not None:
            self.bench.advance(found.next_due_ms)

    # What it is made of

    def actor(self, kind: str) -> Actor:
        """A new process."""
        self._actors += 1
        return Actor(f"{kind}{self._actors}/{self._actors}")

    def store(self, actor: Actor) -> Any:
        """The store as this process sees it."""
        return FaultyStore(self.bench.store, self.injector, actor)

    def engine(self, actor: Actor) -> Engine:
        """The engine of this process."""
        store = self.store(actor)
        return Engine(
            store=store,
            codec=self.codec,
            registry=self.registry,
            keeper=QuietKeeper(store, self.bench.clock),
            clock=self.bench.clock,
            publish=self.publish,
            lease_ms=LEASE_MS,
            draining=lambda: actor.draining,
        )

    def publish(self, ready: Sequence[Ready]) -> None:
        """Give hints to the broker."""
        self.messages.extend(self.broker([row.id for row in ready]))

    # What the faults ask for

    def meanwhile(self) -> None:
        """The rest of the world goes on to its end, and whoever is frozen has lost its lease."""
        self.bench.advance(LEASE_MS + 1000)
        if self.seen.rows:
            self.go_on()

    def cancel(self) -> None:
        """A client cancels it; the worker at work has to ask its lease the next time it wants to start something."""
        self.publish(self.store(self.actor("client")).cancel(ROOT)[2])
        self.nap()

    def cancel_gently(self) -> None:
        """A client cancels it, and its bodies may take the time they need."""
        self.publish(self.store(self.actor("client")).cancel(ROOT, LONG_GRACE_MS)[2])

    def nap(self) -> None:
        """Longer than any lease."""
        self.bench.advance(LEASE_MS + 1000)

    def repeated(self, call: Callable[[], Any]) -> Any:
        return self.bench.twice(call)

    def observed(self, actor: Actor, verb: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        """Make the call, and check what it changed."""
        with self._lock:
            answer: Any = None
            try:
                answer = call()
            except BaseException as error:
                answer = error
                raise
            finally:
                self._look(verb, args, answer)
                self._note(actor, verb, args, answer)
            return answer

    def _look(self, verb: str, args: tuple[Any, ...], answer: Any) -> None:
        before, self.seen = self.seen, self.bench.snapshot()
        if self.watched:
            monitor.check(verb, args, answer, before, self.seen)

    def _note(self, actor: Actor, verb: str, args: tuple[Any, ...], answer: Any) -> None:
        if verb == "claim" and hasattr(answer, "hold"):
            actor.token, actor.execution = answer.hold.token, answer.hold.id
        elif verb == "checkpoint" and not isinstance(answer, BaseException):
            LEDGER.checkpointed()
        elif isinstance(answer, LeaseLost):
            actor.troubled = True

    def _step_begins(self, label: str) -> None:
        actor = ACTOR.get()
        if actor is None or not self.watched:
            return
        if label in LEDGER.recorded:
            raise Violation("a recorded step is never executed again", label)
        row = self.seen.rows[actor.execution]
        if row.token != actor.token or row.promise.phase is not Phase.ACQUIRED:
            raise Violation("only who holds the lease starts a step", label, actor.name)

    def _report(self, actor: Actor, promise_id: str, error: Exception) -> None:
        """What a worker does when an attempt failed outside its function."""
        try:
            self.publish(self.store(actor).crashed(promise_id, actor.name, MAX_ATTEMPTS, repr(error)))
        except (Crash, StoreBroke):
            actor.dead = True

    # What came of it

    def promise(self, promise_id: str = ROOT) -> Promise:
        """The record."""
        return self.bench.store.get(promise_id)

    def journal(self, promise_id: str = ROOT) -> dict[str, str]:
        """The journal."""
        return self.bench.store.read(promise_id)[1]

    def outcome(self) -> tuple[State, Any]:
        """How the root ended: its state, and its value or what it says was raised."""
        promise = self.promise()
        value = self.codec.decode(promise.value)
        if promise.state is State.REJECTED:
            return promise.state, f"{value['type'].rpartition('.')[2]}: {value['message']}"
        return promise.state, value

    def departed(self) -> list[Departure]:
        """How the attempts ended."""
        return [left.departure for left in self.departures]

    def check_end(self) -> None:
        """What must hold at the end of every history."""
        if self.outcome() != (self.shape.state, self.shape.value):
            raise Violation("the outcome is the right one", self.outcome())
        if self.seen.ready or self.seen.lease:
            raise Violation("nothing is left in ready or lease", self.seen.ready, self.seen.lease)
        if self.shape.steps is not None and len(LEDGER.begun) != self.shape.steps:
            raise Violation("every step is executed", dict(LEDGER.begun))
        faults = sum(kind not in FREE for _, kind in self.injector.hit)
        worst = LEDGER.extra if self.shape.sequential else max((n - 1 for n in LEDGER.begun.values()), default=0)
        if worst > faults:
            raise Violation("no more extra executions than faults", dict(LEDGER.begun), self.injector.hit)
