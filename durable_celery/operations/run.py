"""ctx.run: a local child, whose outcome is recorded once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from durable_celery.errors import ControlFlow
from durable_celery.journal import Entry
from durable_celery.op import Op, Performer
from durable_celery.promise import Outcome

T = TypeVar("T")


class LocalCall(Op[T]):
    """A function called in this process: in the waiting thread, or on one of its own once begun."""

    kind = "run"

    def __init__(self, performer: Performer, name: str, path: str, step_id: str, call: Callable[[], Any]) -> None:
        super().__init__(performer, name, path)
        self.step_id = step_id
        self._call = call
        self._outcome: Outcome | None = None
        self._error: BaseException | None = None

    def start(self, entry: Entry | None) -> None:
        if entry is not None:
            self._outcome = entry.outcome
        else:
            self.performer.start(self)

    def run(self) -> None:
        if self.begun:
            return
        self.begun = True
        entry = self.performer.find(self)
        if entry is not None:
            self._outcome = entry.outcome
        else:
            self.execute()

    def execute(self) -> None:
        """Call the function and record how it ended."""
        self.performer.admit()
        started_at = self.performer.now_ms()
        outcome = self._perform()
        entry = Entry(
            kind=self.kind,
            name=self.name,
            state=outcome.state,
            payload=outcome.value,
            started_at=started_at,
            ended_at=self.performer.now_ms(),
        )
        self.performer.checkpoint(self.path, entry)
        self._outcome = outcome

    def _perform(self) -> Outcome:
        codec = self.performer.codec
        try:
            return codec.success(self._call(), f"the result of step {self.name!r} ({self.step_id})")
        except ControlFlow:
            raise
        except Exception as error:
            return codec.failure(error)
        except SystemExit as error:
            if type(error) is not SystemExit:  # a worker's own shutdown signals derive from it
                raise
            return codec.failure(error)

    def fail(self, error: BaseException) -> None:
        """A thread of its own ended without a record: whoever waits is told, nothing is recorded."""
        self._error = error

    def ready(self) -> bool:
        return self._outcome is not None or self._error is not None

    def take(self) -> T:
        if self._error is not None:
            raise self._error
        assert self._outcome is not None
        value: T = self.performer.codec.unwrap(self._outcome, self.step_id)
        return value
