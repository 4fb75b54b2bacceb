"""What is raised about values that come from outside."""

from __future__ import annotations

from durable_celery.errors.base import DurableError


class InvalidArguments(DurableError, TypeError):
    """Raised when a durable function is called with arguments that its signature does not take."""


class InvalidValue(DurableError, ValueError):
    """Raised when a value does not fit the annotation it is read with.

    `path` says where, as JSONPath: `$.items[0].price`, `$` for the whole value.
    `reason` says what is wrong there. Neither repeats the value.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"at {self.path}: {self.reason}"


class PayloadUnreadable(DurableError):
    """Raised when what the store keeps cannot be decrypted here. Nothing is lost: it says which key is missing."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"a payload cannot be read here: {self.reason}"
