"""Executions to be disturbed: two workers in this process, a client that notes what it was told, a ledger of steps."""

from __future__ import annotations

import itertools
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from durable_celery import Durable, PromiseNotFound, StoreFull, StoreUnavailable, telemetry
from durable_celery.settings import Settings
from durable_celery.stores import RedisStore
from durable_celery.stores.redis.connection import Connection
from durable_celery.stores.redis.scripts import Argument, Script
from durable_celery.stores.redis.tide import Tide

#: How long a worker may be silent: what a lost tail leaves held by nobody is free again after that.
LEASE_MS = 1000
PATIENCE_S = 2.0
_STEP_S = 0.004


class RememberingTide(Tide):
    """Also says what the count of this thread's last reply was."""

    def __init__(self) -> None:
        super().__init__()
        self.here = threading.local()

    def note(self, count: int, floor: int, rollbacks: int, *, counted: bool) -> None:
        self.here.count = count
        super().note(count, floor, rollbacks, counted=counted)


@dataclass
class Ledger:
    """What happened outside the store. Times are positions in one order of events."""

    events: Any = field(default_factory=itertools.count)
    #: Every start of a step: execution and label, to (when, the value that this run returns).
    runs: dict[tuple[str, str], list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    #: Every acknowledged checkpoint: execution and label, to (when, value).
    recorded: dict[tuple[str, str], list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    #: Accepted writes of holders: execution, to (restart of the server, count of the store, token).
    writes: dict[str, list[tuple[int, int, str]]] = field(default_factory=lambda: defaultdict(list))
    #: Executions whose creation was acknowledged, and results that were told.
    created: set[str] = field(default_factory=set)
    results: dict[str, Any] = field(default_factory=dict)
    restarts: int = 0
    refused: int = 0

    def step(self, execution: str, label: str) -> int:
        now = next(self.events)
        self.runs[execution, label].append((now, now))
        time.sleep(_STEP_S)
        return now

    def heard(self, event: str, fields: dict[str, Any]) -> None:
        """A telemetry event: a checkpoint was acknowledged."""
        if event == telemetry.STEP_RECORDED and fields["entry"].kind == "run":
            value = int(fields["entry"].payload)
            self.recorded[fields["id"], fields["entry"].name].append((next(self.events), value))


class Noting(Connection):
    """Notes which token each accepted write of a holder came with."""

    ledger: Ledger
    _VERBS = ("checkpoint", "suspend", "fulfil")

    def run(self, script: Script, key: str, arguments: list[Argument]) -> Any:
        answer = super().run(script, key, arguments)
        if script.name in self._VERBS and answer[0] in ("OK", "NOW"):
            named = dict(zip(script.parameters, arguments, strict=False))
            assert isinstance(self.tide, RememberingTide)
            note = (self.ledger.restarts, self.tide.here.count, str(named["token"]))
            self.ledger.writes[str(named["id"])].append(note)
        return answer


class NotingStore(RedisStore):
    """A store whose every copy notes."""

    ledger: Ledger

    def patient(self, patience: float | None, durability: Any = None) -> NotingStore:
        made = NotingStore(self.server, patience=patience, durability=self.durability, tide=self.connection.tide)
        return made.noting(self.ledger)

    def noting(self, ledger: Ledger) -> NotingStore:
        before = self.connection
        self.ledger = ledger
        self.connection = Noting(before.client, before.patience_s, self.durability, before.tide)
        self.connection.ledger = ledger
        return self


class Workload:
    """Two workers that share nothing but the store, and a client that starts executions as fast as they end."""

    def __init__(self, url: str, *, at_once: int = 12, durability: str = "relaxed") -> None:
        self.ledger = Ledger()
        self.tides = [RememberingTide(), RememberingTide()]
        self.workers = [
            self._worker(NotingStore(url, patience=PATIENCE_S, durability=durability, tide=tide).noting(self.ledger))
            for tide in self.tides
        ]
        self._unsubscribe = telemetry.subscribe(self.ledger.heard)
        self._at_once = at_once
        self._open: dict[str, Any] = {}
        self._over = threading.Event()
        self._number = itertools.count()
        self._lock = threading.Lock()
        self.errors: list[str] = []
        #: Accepted executions of which the client was told that there are none.
        self.unknown: set[str] = set()
        self._client = threading.Thread(target=self._be_client, daemon=True)
        self._client.start()

    def _worker(self, store: RedisStore) -> Durable:
        durable = Durable(store=store)
        durable.__dict__["settings"] = Settings(lease_ms=LEASE_MS)
        ledger = self.ledger

        def part(ctx: Any, label: str) -> int:
            return ctx.run(ledger.step, ctx.id, label).options(name=label).get()  # type: ignore[no-any-return]

        def whole(ctx: Any) -> list[Any]:
            first = ctx.run(ledger.step, ctx.id, "first").options(name="first").get()
            child = ctx.begin_rpc("part", "inside")
            second = ctx.run(ledger.step, ctx.id, "second").options(name="second").get()
            ctx.sleep(0.01).get()
            inside = child.get()
            return [first, second, inside, ctx.run(ledger.step, ctx.id, "last").options(name="last").get()]

        durable.register(part, name="part")
        durable.register(whole, name="whole")
        return durable

    @property
    def rollbacks(self) -> int:
        return sum(tide.rollbacks for tide in self.tides)

    def _be_client(self) -> None:
        while not self._over.is_set():
            with self._lock:
                try:
                    self._turn()
                except (StoreUnavailable, StoreFull):
                    self.ledger.refused += 1
                except PromiseNotFound as error:
                    self.unknown.add(error.promise_id)
                    self.forget({error.promise_id})
                except Exception as error:
                    self.errors.append(f"the client met {error!r}")
            self._over.wait(0.005)

    def _turn(self) -> None:
        """Start what is missing, and ask each how it is."""
        while len(self._open) < self._at_once and not self._over.is_set():
            number = next(self._number)
            self._start(f"x{number}")
        for name in list(self._open):
            self._ask(name)

    def _start(self, name: str) -> None:
        self._open[name] = None
        self._open[name] = self.workers[hash(name) % 2].run(name, "whole")
        self.ledger.created.add(name)

    def _ask(self, name: str) -> None:
        handle = self._open[name]
        if handle is None:  # its creation was not acknowledged: the same id again
            self._start(name)
        elif handle.done():
            self.ledger.results[name] = handle.result(0)
            del self._open[name]

    def paused(self) -> threading.Lock:
        """Held while the client has to be silent, so that what it was told so far can be looked at."""
        return self._lock

    def forget(self, names: set[str]) -> None:
        """The store does not know these any more: a client that is told so starts them again under their ids."""
        for name in names:
            self._open[name] = None
            self.ledger.created.discard(name)
            self.ledger.results.pop(name, None)

    def finish(self, deadline_s: float) -> set[str]:
        """No further executions; the names of those that had not ended when time was up."""
        self._over.set()
        self._client.join(30)
        until = time.monotonic() + deadline_s
        while self._open and time.monotonic() < until:
            for name in list(self._open):
                try:
                    self._ask(name)
                except (StoreUnavailable, StoreFull):
                    self.ledger.refused += 1
                except PromiseNotFound:
                    self._open[name] = None
            time.sleep(0.01)
        return set(self._open)

    def reopen(self) -> None:
        """What was told may be pending again: everything that was accepted is asked for anew."""
        self._open = {name: self.workers[0].get(name) for name in self.ledger.created}

    def close(self) -> None:
        self._over.set()
        self._client.join(30)
        self._unsubscribe()
        for worker in self.workers:
            worker.close()
