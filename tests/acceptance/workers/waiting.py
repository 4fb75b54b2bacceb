"""Waiting for what another process does: a predicate, a deadline, and words for what was awaited."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")


def wait_until(predicate: Callable[[], T], deadline: float, what: str, *, pause: float = 0.01) -> T:
    """What `predicate` gives as soon as it is true; the test fails when that takes more than `deadline` seconds."""
    until = time.monotonic() + deadline
    while not (seen := predicate()):
        if time.monotonic() > until:
            pytest.fail(f"waited {deadline:g} s in vain for {what}")
        time.sleep(pause)
    return seen
