"""Waiting for a handle on an event loop, with a bound."""

from __future__ import annotations

import asyncio

import pytest

from durable_celery import Durable


def test_waiting_on_an_event_loop_ends_with_its_timeout() -> None:
    durable = Durable.local()
    durable.promises.create("never")
    try:
        for timeout in (0, 0.1):
            with pytest.raises(TimeoutError, match="not settled in the time given"):
                asyncio.run(asyncio.wait_for(durable.get("never").wait(timeout), 20))
    finally:
        durable.close()
