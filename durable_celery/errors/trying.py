"""What says whether something may be tried again."""

from __future__ import annotations

from datetime import timedelta

from durable_celery.errors.base import DurableError


class TerminalError(DurableError):
    """Raise it to fail for good: no policy retries it. `status_code` is what an HTTP caller is answered."""

    status_code: int = 500

    def __init__(self, message: str = "", status_code: int = 500) -> None:
        super().__init__(message, status_code)
        self.status_code = status_code

    @property
    def message(self) -> str:
        """What happened."""
        return str(self)

    def __str__(self) -> str:
        return str(self.args[0])


class RetryLater(DurableError):
    """Raise it in a step to be tried again after `seconds`, as a server asked with Retry-After.

    It counts as a try, and needs a retry policy that has one left.
    """

    def __init__(self, seconds: float, message: str = "") -> None:
        super().__init__(seconds, message)
        self.seconds: float | None = seconds
        self.message = message

    def __str__(self) -> str:
        return self.message or f"to be tried again in {self.seconds} s"


class RetryableError(RetryLater):
    """Raise it in a step to be tried again: after `retry_after` (seconds or timedelta), or as the policy says.

    `status_code` is what an HTTP caller is answered when no try is left.
    """

    def __init__(self, message: str = "", status_code: int = 500, retry_after: float | timedelta | None = None) -> None:
        seconds = retry_after.total_seconds() if isinstance(retry_after, timedelta) else retry_after
        DurableError.__init__(self, message, status_code, seconds)
        self.message = message
        self.status_code = status_code
        self.seconds = seconds


class DeadlockError(TerminalError):
    """Raised where a call would wait for a virtual object that is held until the call is over: nobody could go on."""

    def __init__(self, message: str = "", status_code: int = 409) -> None:
        super().__init__(message, status_code)
