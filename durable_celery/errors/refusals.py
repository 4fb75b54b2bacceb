"""What a store refuses by what it knows, or knows no more, of an id or a function."""

from __future__ import annotations

from durable_celery.errors.base import DurableError, OfPromise


class PromiseNotFound(OfPromise, LookupError):
    """Raised when no promise with that id is known to the store."""

    def __str__(self) -> str:
        return f"no promise with the id {self.promise_id!r} is known to this store"


class Expired(PromiseNotFound):
    """Raised when an execution is over for so long that nothing is kept of it but its id, which is not used again.

    `function` is what was executed.
    """

    def __init__(self, promise_id: str, function: str) -> None:
        Exception.__init__(self, promise_id, function)
        self.promise_id = promise_id
        self.function = function

    def __str__(self) -> str:
        return (
            f"the execution {self.promise_id!r} is over for longer than its result is kept, and its id is not used "
            "again yet; use another id, or a longer retention"
        )


class TooManyExecutions(DurableError):
    """Raised when as many executions of a function are pending as `max_pending` allows; nothing was recorded."""

    def __init__(self, function: str, max_pending: int) -> None:
        super().__init__(function, max_pending)
        self.function = function
        self.max_pending = max_pending

    def __str__(self) -> str:
        return f"{self.max_pending} executions of {self.function!r} are pending already; try again later"
