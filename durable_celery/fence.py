"""Fence: the calls to the store of one attempt, proved by its token and by what it has read of the journal."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TypeVar

from durable_celery import telemetry
from durable_celery.clock import Clock
from durable_celery.errors import (
    AlreadySettled,
    ControlFlow,
    IdConflict,
    Interrupted,
    LeaseLost,
    NotExternal,
    PromiseNotFound,
)
from durable_celery.journal import Entry, Journal
from durable_celery.lease import Lease
from durable_celery.looking import Lines
from durable_celery.newpromise import NewPromise
from durable_celery.promise import Outcome, Phase
from durable_celery.store import Birth, Born, Change, Created, Group, Hold, Ready, Store, Suspension

T = TypeVar("T")
_PROGRESS_PAUSE_MS = 100.0
_ANSWERS = (PromiseNotFound, AlreadySettled, NotExternal)


class Fence:
    """Writes for one hold, one at a time.

    Who looks at the journal's cursor for a call of its own holds `turn` meanwhile.
    `ended` is told what ends the attempt when a call fails.
    """

    def __init__(
        self,
        hold: Hold,
        journal: Journal,
        store: Store,
        clock: Clock,
        publish: Callable[[Sequence[Ready]], None],
        turn: AbstractContextManager[object],
        ended: Callable[[ControlFlow], None],
    ) -> None:
        self.lease: Lease | None = None
        self._hold = hold
        self._journal = journal
        self._store = store
        self._clock = clock
        self._publish = publish
        self._ended = ended
        self._turn = turn
        self._lost: LeaseLost | None = None
        self._rollbacks = store.rollbacks
        self._unsaid = ""
        self._lines: deque[str] = deque()
        self._batches = 0
        #: How many lines of its log are kept; none are when it is 0.
        self.log_lines = 0
        self._said_ms = -_PROGRESS_PAUSE_MS

    def checkpoint(self, path: str, entry: Entry, changes: Sequence[Change] = ()) -> bool:
        """Record an entry; answers whether the execution is cancelled."""
        entries = [(path, entry.encode())]

        def write() -> bool:
            log, cursor = self._log(), self._journal.cursor
            cancelled = self.call(lambda: self._store.checkpoint(self._hold, cursor, entries, changes, log))
            self._journal.add(path, entry)
            return cancelled

        cancelled = self._write(write)
        telemetry.emit(telemetry.STEP_RECORDED, id=self._hold.id, path=path, entry=entry)
        return cancelled

    def spawn(self, opened: Sequence[tuple[str, Entry, NewPromise]]) -> list[Born]:
        """Record entries with the promises that they refer to, and hint that these are ready."""
        births = [Birth(path, entry.encode(), child) for path, entry, child in opened]

        def write() -> list[Born]:
            found = self.call(lambda: self._store.spawn(self._hold, self._journal.cursor, births))
            for (path, entry, _), created in zip(opened, found, strict=True):
                if isinstance(created, Created):
                    self._journal.add(path, entry)
            return found

        found = self._write(write)
        new = [each.promise for each in found if isinstance(each, Created) and each.fresh]
        ready = [p for p in new if p.phase is Phase.READY and p.not_before_at is None]
        self._publish([Ready(p.id, p.function, p.version, p.queue, p.priority, p.canvas) for p in ready])
        return found

    def progress(self, text: str, line: str = "") -> None:
        """Say how far it is: at most ten times a second, and the last word before it leaves.

        So are lines of its log, unless they are said sooner with an entry.
        """
        if line and self.log_lines == 0:
            return
        self._unsaid = text or self._unsaid
        self._lines.extend([line] if line else [])
        if self._clock.monotonic_ms() - self._said_ms >= _PROGRESS_PAUSE_MS:
            self.say()

    def say(self, *, settling: bool = False) -> None:
        """Say what was held back; lines go with the outcome when it is settled now."""
        text, self._unsaid = self._unsaid, ""
        log = None if settling else self._log()
        if text or log is not None:
            self._said_ms = self._clock.monotonic_ms()
            self.call(lambda: self._store.progress(self._hold, text, log))

    def suspend(self, groups: Sequence[Group], *, peek: bool = False) -> Suspension:
        """Leave until a group is complete, or only look."""
        return self.call(lambda: self._store.suspend(self._hold, self._journal.cursor, groups, peek=peek))

    def fulfil(self, outcome: Outcome, changes: Sequence[Change] = ()) -> tuple[Ready, ...]:
        """Settle the execution, with the changes to the state of its object; answers what is ready now.

        It is the last write: strands that nobody waits for may still be at work,
        and what one of them recorded beside it would have moved the journal's cursor.
        """
        with self._turn:
            self._check_tide()
            if self._lost is not None:
                raise self._lost
            ready = self._store.fulfil(self._hold, self._journal.cursor, outcome, changes=changes, log=self._log())
            self._lost = LeaseLost(self._hold.id)
        return ready

    def heed(self) -> bool:
        """Whether a cancelled body is to be told now."""
        return self.call(lambda: self._store.heed(self._hold, self._journal.cursor))

    def mark(self, running: str) -> None:
        """Say what runs; the next heartbeat makes it visible when it takes long."""
        if self.lease is not None:
            self.lease.running_since_ms = self._clock.monotonic_ms()
            self.lease.running = running

    def ask(self, question: Callable[[Store], T]) -> T:
        """The store's answer to what is about others; that there is no such thing is an answer as well."""
        return self.call(lambda: question(self._store), _ANSWERS)

    def call(self, call: Callable[[], T], answers: tuple[type[Exception], ...] = (IdConflict, PromiseNotFound)) -> T:
        """A call to the store. What the body may see of its failures is what it asked for wrongly."""
        try:
            self._check_tide()
            answer = call()
            self._check_tide()
            return answer
        except LeaseLost as lost:
            self._lost = lost
            self._ended(lost)
            raise
        except answers:
            raise
        except Exception as error:
            interrupted = Interrupted(error)
            self._ended(interrupted)
            raise interrupted from error

    @property
    def rolled_back(self) -> bool:
        """Whether the store lost its tail since the claim: what this attempt has read may be among it."""
        return self._store.rollbacks != self._rollbacks

    def _check_tide(self) -> None:
        if self.rolled_back:
            raise LeaseLost(self._hold.id)

    def lose(self) -> None:
        """Nothing more is written: the lease is somebody else's, or the promise is settled."""
        self._lost = LeaseLost(self._hold.id)
        self._ended(self._lost)

    def _log(self) -> Lines | None:
        """The lines that were not written yet; strands may log more meanwhile."""
        texts = [self._lines.popleft() for _ in range(len(self._lines))]
        if not texts:
            return None
        self._batches += 1
        return Lines(tuple(texts[-self.log_lines :]), self.log_lines, f"{self._hold.token}/{self._batches}")

    def _write(self, write: Callable[[], T]) -> T:
        """A call that adds entries, and renews the lease."""
        with self._turn:
            if self._lost is not None:
                raise self._lost
            asked_ms = self._clock.monotonic_ms()
            answer = write()
        if self.lease is not None:  # counted from when it was asked for: the reply may have waited for a frozen process
            self.lease.renewed_ms = asked_ms
        return answer
