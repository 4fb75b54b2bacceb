"""What may be said of one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from durable_celery.retry import RetryPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """What `op.options(…)` may say of one call; None means: not said. Durations are milliseconds."""

    id: str | None = None
    name: str | None = None
    version: int | None = None
    retry: RetryPolicy | None = None
    timeout_ms: int | None = None
    delay_ms: int | None = None
    queue: str | None = None
    priority: int | None = None
    tags: dict[str, str] | None = None
    lost: str | None = None
    lost_after_ms: int | None = None

    def said(self) -> dict[str, Any]:
        """The options that were given."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}
