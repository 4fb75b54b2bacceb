"""ctx.run: a local child, whose outcome is recorded once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from durable_celery.calloptions import CallOptions
from durable_celery.errors import ControlFlow, TimedOut
from durable_celery.journal import NOTE, Entry
from durable_celery.op import Op, Performer
from durable_celery.operations.pause import Pause, next_try
from durable_celery.promise import Outcome, State
from durable_celery.retry import NEVER, RetryPolicy
from durable_celery.store import Await

T = TypeVar("T")


class LocalCall(Op[T]):
    """A function called in this process: in the waiting thread, or on one of its own once begun."""

    kind = "run"

    def __init__(
        self,
        performer: Performer,
        name: str,
        path: str,
        step_id: str,
        call: Callable[[], Any],
        retry: RetryPolicy = NEVER,
    ) -> None:
        super().__init__(performer, name, path)
        self._retry = retry
        #: Called once with the value, when the body has it.
        self.on_success: Callable[[Any], None] | None = None
        self.step_id = step_id
        self._call = call
        self._unpack: Callable[[Any], T] = lambda value: value
        self._outcome: Outcome | None = None
        self._error: BaseException | None = None
        self._timeout_ms: int | None = None
        self._due_at: int | None = None
        self._recording = threading.Lock()

    def configure(self, options: CallOptions) -> None:
        self.name = options.name or self.name
        self._retry = options.retry or self._retry
        self._timeout_ms = options.timeout_ms or self._timeout_ms
        super().configure(replace(options, name=None, retry=None, timeout_ms=None))

    def keep_by(self, pack: Callable[[Any], Any], unpack: Callable[[Any], T]) -> None:
        """Record its value as `pack` makes it of what it returned, and give out what `unpack` makes of that."""
        call, self._unpack = self._call, unpack
        self._call = lambda: pack(call())

    def start(self, entry: Entry | None) -> None:
        if entry is not None:
            self._outcome = entry.outcome
            return
        self._due_at = self._deadline()
        if not self.ready():
            self.performer.start(self)

    def run(self) -> None:
        if self._timeout_ms is not None:  # whoever waits must be free to stop waiting
            self.begin()
            return
        if self.begun:
            return
        self.begun = True
        entry = self.performer.find(self)
        if entry is not None:
            self._outcome = entry.outcome
        else:
            self.execute()

    def _deadline(self) -> int | None:
        """The instant at which the call is timed out; noted, so that a crash gives it no more time."""
        if self._timeout_ms is None:
            return None
        name = f"due:{self.path}"
        noted = self.performer.journal.note(name)
        if noted is not None:
            return int(noted.payload)
        self.performer.admit()
        now_ms = self.performer.now_ms()
        due_at = now_ms + self._timeout_ms
        note = Entry(kind="due", name=self.name, state=State.PENDING, payload=str(due_at), started_at=now_ms)
        self.performer.checkpoint(NOTE + name, note)
        return due_at

    def execute(self) -> None:
        """Call the function, again when its policy says so, and record how it ended."""
        for failed in self.performer.journal.tries(self.path)[-1:]:
            self.performer.wait(Pause(self.performer, self.path, failed))
        while True:
            self.performer.admit()
            started_at = self.performer.now_ms()
            outcome, error = self._perform()
            if error is not None:
                again = next_try(self.performer, self.path, self.name, self._retry, error, outcome)
                if again is not None:
                    self.performer.wait(Pause(self.performer, self.path, again))
                    continue
            self._record(outcome, started_at)
            return

    def _record(self, outcome: Outcome, started_at: int) -> None:
        """How it ended, once: its time may have been up just before."""
        with self._recording:
            if self._outcome is None:
                self._write(outcome, started_at)
                self._outcome = outcome

    def _write(self, outcome: Outcome, started_at: int) -> None:
        entry = Entry(
            kind=self.kind,
            name=self.name,
            state=outcome.state,
            payload=outcome.value,
            started_at=started_at,
            ended_at=self.performer.now_ms(),
            tries=len(self.performer.journal.tries(self.path)) + 1,
        )
        self.performer.checkpoint(self.path, entry)

    def _perform(self) -> tuple[Outcome, BaseException | None]:
        codec = self.performer.codec
        try:
            value = self.performer.registry.around.perform(self._call)
            return codec.success(value, f"the result of step {self.name!r} ({self.step_id})"), None
        except ControlFlow:
            raise
        except Exception as error:
            return codec.failure(error), error
        except SystemExit as error:
            if type(error) is not SystemExit:  # a worker's own shutdown signals derive from it
                raise
            return codec.failure(error), error

    def fail(self, error: BaseException) -> None:
        """A thread of its own ended without a record: whoever waits is told, nothing is recorded."""
        self._error = error

    def ready(self) -> bool:
        return self._outcome is not None or self._error is not None or self._late()

    def _late(self) -> bool:
        if self._due_at is None:
            return False
        return self._due_at <= self.performer.now_ms() or self.performer.journal.delivered(self.path) is not None

    def awaits(self) -> list[Await]:
        return [] if self._due_at is None or self.ready() else [Await(self.path, due_at=self._due_at)]

    def error(self) -> Exception | None:
        if self._outcome is None and self._error is None:
            return TimedOut(self.step_id)  # not recorded yet: `take` does
        return super().error()

    def take(self) -> T:
        if self._outcome is None and self._error is None:
            self._record(Outcome(State.TIMEDOUT, ""), (self._due_at or 0) - (self._timeout_ms or 0))
            self.performer.abandon(self.path)
        if self._error is not None:
            raise self._error
        assert self._outcome is not None
        value: T = self._unpack(self.performer.codec.unwrap(self._outcome, self.step_id))
        told, self.on_success = self.on_success, None
        if told is not None:
            told(value)
        return value
