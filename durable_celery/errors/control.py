"""The engine's own signals, raised through bodies."""

from __future__ import annotations

from durable_celery.errors.base import DurableError


class ControlFlow(BaseException):
    """The engine's own signals. Do not catch; a bare `except:` around an operation must re-raise."""


class Suspended(ControlFlow):
    """Raised through a body that waits for something that is not there yet; it will be replayed."""


class Released(ControlFlow):
    """Raised through a body whose worker shuts down; another worker goes on at the same operation."""


class LeaseLost(ControlFlow):
    """Raised through a body whose lease another worker has, or whose promise is settled."""


class Parking(ControlFlow):
    """Raised through a body that cannot go on as it is written; carries the error that says why."""

    def __init__(self, reason: DurableError) -> None:
        super().__init__(str(reason))
        self.reason_text = str(reason)


class Abandoned(ControlFlow):
    """Raised through a local child whose time was up; its outcome is recorded already."""


class Interrupted(ControlFlow):
    """Raised through a body when the store failed in a way that is not the body's: carries the error."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error
