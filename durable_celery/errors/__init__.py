"""Every exception of durable_celery, and nothing else.

Two families. `DurableError` and below are for users: each says what happened
and what to do. `ControlFlow` and below steer the engine; they derive from
`BaseException` so that an `except Exception` in user code cannot swallow a
suspension or a lost lease.
"""

from __future__ import annotations

from durable_celery.errors.base import DurableError as DurableError
from durable_celery.errors.base import OfPromise
from durable_celery.errors.control import (
    Abandoned as Abandoned,
)
from durable_celery.errors.control import (
    ControlFlow as ControlFlow,
)
from durable_celery.errors.control import (
    Interrupted as Interrupted,
)
from durable_celery.errors.control import (
    LeaseLost as LeaseLost,
)
from durable_celery.errors.control import (
    Parking as Parking,
)
from durable_celery.errors.control import (
    Released as Released,
)
from durable_celery.errors.control import (
    Suspended as Suspended,
)
from durable_celery.errors.refusals import (
    Expired as Expired,
)
from durable_celery.errors.refusals import (
    PromiseNotFound as PromiseNotFound,
)
from durable_celery.errors.refusals import (
    TooManyExecutions as TooManyExecutions,
)
from durable_celery.errors.trying import (
    DeadlockError as DeadlockError,
)
from durable_celery.errors.trying import (
    RetryableError as RetryableError,
)
from durable_celery.errors.trying import (
    RetryLater as RetryLater,
)
from durable_celery.errors.trying import (
    TerminalError as TerminalError,
)
from durable_celery.errors.values import (
    InvalidArguments as InvalidArguments,
)
from durable_celery.errors.values import (
    InvalidValue as InvalidValue,
)
from durable_celery.errors.values import (
    PayloadUnreadable as PayloadUnreadable,
)


class InvalidId(DurableError, ValueError):
    """Raised when a promise id breaks one of the rules for ids."""


class InvalidName(DurableError, ValueError):
    """Raised when a function is registered under a name that is taken or not legal."""


class FunctionNotFound(DurableError, LookupError):
    """Raised when a name is called that nobody registered in this process."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return (
            f"no durable function is registered as {self.name!r} here; "
            "import the module that registers it, or check the name"
        )


class IdConflict(DurableError):
    """Raised when an id is taken by another function or by other arguments.

    It never carries what the holder of the id was called with.
    """

    def __init__(self, promise_id: str, what: str) -> None:
        super().__init__(promise_id, what)
        self.promise_id = promise_id
        self.what = what

    @classmethod
    def of(cls, promise_id: str, function: str, wanted: str) -> IdConflict:
        """The conflict with whatever has the id: `function` is its function, "" for an external promise."""
        what = f"an execution of {function!r}" if function else "an external promise"
        if function and function == wanted:
            what += " with other arguments"
        return cls(promise_id, what)

    def __str__(self) -> str:
        return (
            f"the id {self.promise_id!r} already belongs to {self.what}; "
            "use another id, or call with the function and arguments it was started with"
        )


class AlreadySettled(DurableError):
    """Raised when a promise is settled that was settled before, by someone else."""

    def __init__(self, promise_id: str, state: str) -> None:
        super().__init__(promise_id, state)
        self.promise_id = promise_id
        self.state = state

    def __str__(self) -> str:
        return f"the promise {self.promise_id!r} is already {self.state}; a settled promise never changes"


class AlreadyExists(DurableError):
    """Raised when a promise is created under an id that exists, without its idempotency key."""

    def __init__(self, promise_id: str, state: str) -> None:
        super().__init__(promise_id, state)
        self.promise_id = promise_id
        self.state = state

    def __str__(self) -> str:
        return f"a promise with the id {self.promise_id!r} exists already and is {self.state}"


class NotExternal(OfPromise):
    """Raised when an execution's own promise is resolved or rejected from outside."""

    def __str__(self) -> str:
        return (
            f"{self.promise_id!r} is an execution: its own function settles it; "
            "cancel it, or settle the external promise it waits for"
        )


class NotSerializable(DurableError, TypeError):
    """Raised when an argument or a result has no JSON form."""


class PayloadTooLarge(DurableError, ValueError):
    """Raised when an argument or a result is larger than `durable_max_payload` bytes."""


class StoreUnavailable(DurableError, ConnectionError):
    """Raised when the store did not answer within the time allowed for a call."""


class NotOnDisk(StoreUnavailable):
    """Raised with `strict` durability when a write was made and Redis did not confirm in time that its disk has it."""


class StoreMisconfigured(DurableError):
    """Raised when the store is set up so that it could lose promises, or is not set up at all."""


class StoreFull(DurableError):
    """Raised when Redis refuses to write because its memory limit is reached."""


class ExecutionFailed(DurableError):
    """Stands for an exception whose class does not exist in this process, or cannot be rebuilt.

    `type` is the dotted name of the original class, `message` what it said.
    """

    def __init__(self, type: str, message: str) -> None:
        super().__init__(type, message)
        self.type = type
        self.message = message

    def __str__(self) -> str:
        return f"{self.type}: {self.message}"


class Rejected(DurableError):
    """Raised where an external promise is waited for that was rejected with a message instead of an exception."""


class Cancelled(OfPromise, TerminalError):
    """Raised where the result of a cancelled promise is asked for."""

    status_code = 410

    def __str__(self) -> str:
        return f"{self.promise_id!r} was cancelled"


class TimedOut(OfPromise, TerminalError):
    """Raised where the result of a promise is asked for whose deadline has passed."""

    status_code = 504

    def __str__(self) -> str:
        return f"{self.promise_id!r} was not settled before its deadline"


class TaskLost(DurableError):
    """Raised where a Celery task is waited for of which nothing was heard for too long; it may have run."""

    def __init__(self, promise_id: str, task: str, seconds: float) -> None:
        super().__init__(promise_id, task, seconds)
        self.promise_id, self.task, self.seconds = promise_id, task, seconds

    def __str__(self) -> str:
        return (
            f"nothing was heard of the Celery task {self.task} ({self.promise_id!r}) for {self.seconds:g} s and no "
            'worker has it; see whether it took effect. .options(lost="resend") is for tasks that may run twice, '
            "lost_after=… for those that wait longer in their queue"
        )


class Parked(DurableError):
    """Raised where the result of a parked execution is asked for: it goes on only when resumed."""

    def __init__(self, promise_id: str, reason: str) -> None:
        super().__init__(promise_id, reason)
        self.promise_id = promise_id
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"{self.promise_id!r} is parked: {self.reason}; nothing recorded is lost, "
            f"mend the cause and call durable.resume({self.promise_id!r})"
        )


class NotAnOperation(DurableError, TypeError):
    """Raised inside a body that yields or awaits something durable_celery did not make."""

    def __init__(self, thing: str) -> None:
        super().__init__(thing)
        self.thing = thing

    def __str__(self) -> str:
        return (
            f"a durable body can wait only for operations of its ctx, not for {self.thing}; "
            "put it in a step: `ctx.run(function)`, where function may be an `async def`"
        )


class OperationNotAwaited(DurableError):
    """Raised when a body returns although it made an operation and never waited for it."""

    def __init__(self, operation: str, where: str) -> None:
        super().__init__(operation, where)
        self.operation = operation
        self.where = where

    def __str__(self) -> str:
        return (
            f"{self.operation}, made at {self.where}, was never waited for, so it never ran; "
            "write `yield`, `await` or `.get()`, or start it with `ctx.begin_run` / `ctx.begin_rpc`"
        )


class NonDeterminismError(DurableError):
    """Raised when a body asks for another operation than its journal recorded at that position."""

    def __init__(self, position: str, recorded: str, found: str, where: str) -> None:
        super().__init__(position, recorded, found, where)
        self.position = position
        self.recorded = recorded
        self.found = found
        self.where = where

    def __str__(self) -> str:
        return (
            f"the journal has {self.recorded} at position {self.position}, "
            f"the code at {self.where} now asks for {self.found}; nothing was executed. "
            "Bring the old code back, or register the new one under another version"
        )


class HistoryTooLong(DurableError):
    """Raised when a body makes a new operation although its journal has `durable_max_entries` entries."""

    def __init__(self, function: str, entries: int, where: str) -> None:
        super().__init__(function, entries, where)
        self.function = function
        self.entries = entries
        self.where = where

    def __str__(self) -> str:
        return (
            f"the journal of this {self.function!r} has {self.entries} entries, as many as durable_max_entries allows; "
            f"let it end at {self.where} with `return ctx.continue_as(…)`, which goes on with a new journal, "
            "or raise the limit"
        )
