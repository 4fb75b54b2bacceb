"""Makes this process' wall clock wrong as `WRONG_CLOCK` says: so many seconds, or jumping. Python imports it first."""

from __future__ import annotations

import os
import time

_JUMP_EVERY_S = 3
_HOUR_S = 3600

_time, _time_ns, _said = time.time, time.time_ns, os.environ.get("WRONG_CLOCK", "0")


def _off() -> int:
    if _said != "jumping":
        return int(_said)
    return (-_HOUR_S, 0, _HOUR_S, 17)[int(time.monotonic() / _JUMP_EVERY_S + os.getpid()) % 4]


def _wrong() -> float:
    return _time() + _off()


def _wrong_ns() -> int:
    return _time_ns() + _off() * 10**9


if _said != "0":
    time.time, time.time_ns = _wrong, _wrong_ns
