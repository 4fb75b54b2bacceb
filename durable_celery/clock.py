"""Time, injected: the only module that reads a clock.

`Clock` is what everything else asks, so that tests can hand in one that moves
when told. Milliseconds since the epoch are called `*_at`, durations `*_ms`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The two readings the code needs."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch, as the wall clock says."""

    def monotonic_ms(self) -> float:
        """Milliseconds on a clock that never goes backwards and goes on while the process is stopped."""


class SystemClock:
    """The machine's own clocks."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> float:
        return time.monotonic_ns() / 1_000_000


class ManualClock:
    """A clock for tests: it stands still until `advance` is called."""

    def __init__(self, now_ms: int = 1_750_000_000_000) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic_ms(self) -> float:
        return float(self._now_ms)

    def advance(self, *, ms: int = 0, seconds: float = 0) -> None:
        """Move forward; both readings move together."""
        self._now_ms += ms + int(seconds * 1000)


class CarriedOn:
    """Another clock, read once and carried on by this machine's monotonic one.

    It lags by the time that the reading took to arrive, so it is put right by what is known to have passed there.
    """

    def __init__(self, clock: Clock, read_ms: int) -> None:
        self._clock = clock
        self._offset_ms = read_ms - clock.monotonic_ms()
        self._passed_ms = read_ms

    def now_ms(self) -> int:
        """Milliseconds since the epoch, as the other clock says or said a little while ago."""
        return max(int(self._clock.monotonic_ms() + self._offset_ms), self._passed_ms)

    def passed(self, at_ms: int) -> None:
        """The other clock has reached this instant."""
        self._passed_ms = max(self._passed_ms, at_ms)


def to_ms(duration: float | timedelta) -> int:
    """A duration in seconds, or a timedelta, as milliseconds.

    Raises ValueError for a negative one and TypeError for anything else.
    """
    if isinstance(duration, timedelta):
        seconds = duration.total_seconds()
    elif isinstance(duration, int | float) and not isinstance(duration, bool):
        seconds = duration
    else:
        raise TypeError(f"a duration is a number of seconds or a timedelta, not {type(duration).__name__}")
    if not 0 <= seconds < 10**11:
        raise ValueError(f"a duration is zero or more seconds, not {seconds}")
    return round(seconds * 1000)


def instant_ms(instant: datetime) -> int:
    """An instant as milliseconds since the epoch; a datetime without a time zone is refused."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone: datetime.now(UTC), or .replace(tzinfo=…)")
    return round(instant.timestamp() * 1000)


def instant(at_ms: int) -> datetime:
    """Milliseconds since the epoch as a datetime in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC)
