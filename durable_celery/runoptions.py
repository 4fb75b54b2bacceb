"""What `ctx.run_typed` is told of a step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from durable_celery import clock
from durable_celery.retry import RetryPolicy
from durable_celery.serde import Serde, chosen_serde


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How `ctx.run_typed` runs a step. Intervals and durations are seconds or timedelta.

    `max_duration` counts from the first try on: no further one begins after it.
    """

    serde: Serde[Any] | None = None
    type_hint: Any = None
    max_attempts: int | None = None
    max_duration: float | timedelta | None = None
    initial_retry_interval: float | timedelta = 0.05
    max_retry_interval: float | timedelta = 10.0
    retry_interval_factor: float = 2.0

    @property
    def chosen(self) -> Serde[Any]:
        """How the result is kept: by the serde given, or by the type."""
        return chosen_serde(self.serde, self.type_hint)

    @property
    def policy(self) -> RetryPolicy | None:
        """The retry policy, None where nothing was said of tries: then the function's own holds."""
        if self.max_attempts is None and self.max_duration is None:
            return None
        return RetryPolicy(
            max_attempts=self.max_attempts,
            max_duration=None if self.max_duration is None else clock.to_ms(self.max_duration) / 1000,
            initial=clock.to_ms(self.initial_retry_interval) / 1000,
            maximum=clock.to_ms(self.max_retry_interval) / 1000,
            factor=self.retry_interval_factor,
        )
