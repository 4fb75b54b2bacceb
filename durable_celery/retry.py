"""Retry policies: the number of a failed try and its error in, the wait before the next one out. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from durable_celery.errors import ControlFlow, DurableError, RetryLater, TerminalError

Errors = tuple[type[BaseException], ...]

_CELERY_WORDS = {
    "autoretry_for",
    "default_retry_delay",
    "dont_autoretry_for",
    "max_retries",
    "retry_backoff",
    "retry_backoff_max",
    "retry_jitter",
}
#: Refused by durable_celery itself: trying again would give the same.
_HOPELESS: Errors = (TerminalError, ControlFlow)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often, after which errors and after which waits something is tried again.

    `max_attempts` counts all tries (None: no limit); the wait after the first
    is `initial` seconds, each further one `factor` times longer up to `maximum`;
    `jitter` takes a random part of it (AWS's "full jitter", as Celery's
    `retry_jitter`). No try begins later than `max_duration` seconds after the
    first one failed. A crash is not a try.
    """

    max_attempts: int | None = 3
    initial: float = 1.0
    factor: float = 2.0
    maximum: float = 600.0
    jitter: bool = False
    max_duration: float | None = None
    retry_on: Errors = (Exception,)
    never_on: Errors = ()

    def __post_init__(self) -> None:
        if self.max_attempts is not None and self.max_attempts < 1:
            raise ValueError("max_attempts counts all tries: 1 or more, or None for no limit")
        if self.initial < 0 or self.maximum < 0 or self.factor < 1:
            raise ValueError("initial and maximum are seconds, 0 or more; factor is 1 or more")

    def wait_ms(self, tries: int, error: BaseException) -> int | None:
        """Milliseconds until the next try after `tries` of them, or None when this was the last."""
        if isinstance(error, (*_HOPELESS, *self.never_on)):
            return None
        if self.max_attempts is not None and tries >= self.max_attempts:
            return None
        later = isinstance(error, RetryLater)
        if isinstance(error, RetryLater) and error.seconds is not None:
            return round(error.seconds * 1000)
        if (isinstance(error, DurableError) and not later) or not isinstance(error, self.retry_on):
            return None
        seconds = min(self.initial * self.factor ** min(tries - 1, 64), self.maximum)
        return round((random.random() * seconds if self.jitter else seconds) * 1000)  # noqa: S311  # not a secret

    def is_over(self, ms: int) -> bool:
        """Whether a try so long after the first failure is too late."""
        return self.max_duration is not None and ms > self.max_duration * 1000

    @classmethod
    def from_celery(cls, words: Mapping[str, Any]) -> RetryPolicy | None:
        """The policy that Celery's own words describe, or None when none was said.

        `autoretry_for`, `max_retries` (tries after the first), `retry_backoff`
        (True or seconds), `retry_backoff_max`, `retry_jitter`,
        `default_retry_delay`, `dont_autoretry_for`: as in Celery's task options.
        """
        unknown = sorted(set(words) - _CELERY_WORDS)
        if unknown:
            raise TypeError(f"not an option of a durable function: {', '.join(unknown)}")
        if not words.get("autoretry_for"):
            return None
        retries = words.get("max_retries", 3)
        backoff = words.get("retry_backoff", False)
        delay = float(words.get("default_retry_delay", 180))
        return cls(
            max_attempts=None if retries is None else int(retries) + 1,
            initial=float(backoff) if backoff else delay,
            factor=2.0 if backoff else 1.0,
            maximum=float(words.get("retry_backoff_max", 600)) if backoff else delay,
            jitter=bool(backoff) and bool(words.get("retry_jitter", True)),
            retry_on=tuple(words["autoretry_for"]),
            never_on=tuple(words.get("dont_autoretry_for", ())),
        )


#: One try, no more: what holds where nothing was said.
NEVER = RetryPolicy(max_attempts=1)
