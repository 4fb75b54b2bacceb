"""Time: read in one place, moved by hand in tests, given in seconds and kept in milliseconds."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from durable_celery.clock import ManualClock, SystemClock, instant, instant_ms, to_ms


class TestDurations:
    @pytest.mark.parametrize(
        ("duration", "ms"),
        [
            (0, 0),
            (1, 1_000),
            (0.25, 250),
            (0.0004, 0),
            (1e-3, 1),
            (86_400 * 365, 31_536_000_000),
            (timedelta(minutes=2), 120_000),
            (timedelta(microseconds=1_500), 2),
            (timedelta(0), 0),
        ],
    )
    def test_seconds_and_timedeltas_become_milliseconds(self, duration: float | timedelta, ms: int) -> None:
        assert to_ms(duration) == ms
        assert isinstance(to_ms(duration), int)

    @pytest.mark.parametrize(
        "duration", [-1, -0.001, timedelta(seconds=-1), float("nan"), float("inf"), -float("inf"), 1e12, 10**400]
    )
    def test_what_is_no_length_of_time_is_refused(self, duration: float | timedelta) -> None:
        with pytest.raises(ValueError, match=r"zero or more seconds|digits"):
            to_ms(duration)

    @pytest.mark.parametrize("duration", [None, "5", True, [1], 1j])
    def test_what_is_no_number_is_refused(self, duration: Any) -> None:
        with pytest.raises(TypeError, match=type(duration).__name__):
            to_ms(duration)


class TestInstants:
    def test_an_instant_keeps_its_time_zone_in_mind(self) -> None:
        berlin = timezone(timedelta(hours=2))

        assert instant_ms(datetime(2026, 1, 1, 2, tzinfo=berlin)) == instant_ms(datetime(2026, 1, 1, tzinfo=UTC))

    def test_an_instant_without_a_time_zone_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"datetime\.now\(UTC\)"):
            instant_ms(datetime(2026, 1, 1))

    def test_milliseconds_come_back_as_the_same_instant(self) -> None:
        assert instant(1_750_000_000_123).isoformat() == "2025-06-15T15:06:40.123000+00:00"
        assert instant_ms(instant(1_750_000_000_123)) == 1_750_000_000_123


class TestClocks:
    def test_a_manual_clock_stands_still_until_it_is_told(self) -> None:
        clock = ManualClock(1_000)

        before = clock.now_ms(), clock.monotonic_ms()
        clock.advance(ms=5, seconds=1.5)

        assert before == (1_000, 1_000.0)
        assert (clock.now_ms(), clock.monotonic_ms()) == (2_505, 2_505.0)

    def test_the_systems_clocks_tell_the_systems_time(self) -> None:
        clock = SystemClock()

        first, second = clock.monotonic_ms(), clock.monotonic_ms()

        assert first <= second
        assert abs(clock.now_ms() - time.time() * 1000) < 1_000
