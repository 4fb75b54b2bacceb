"""What the HTTP interfaces raise to answer with an error."""

from __future__ import annotations

from collections.abc import Mapping

from durable_celery.errors.base import DurableError


class Problem(DurableError):
    """An answer in the form of RFC 9457: `kind` is a word to switch on, the message a sentence to read."""

    def __init__(
        self, status: int, kind: str, detail: str, *, headers: Mapping[str, str] | None = None, **extra: object
    ) -> None:
        super().__init__(status, kind, detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = extra

    def __str__(self) -> str:
        return self.detail
