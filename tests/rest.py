"""Waiting until a Durable in this process is at rest: what is still at work would disturb the next test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from durable_celery import Durable


@contextmanager
def closed_at_rest(durable: Durable) -> Iterator[Durable]:
    """Close it at the end of the block, and wait for those of its threads that are still at an attempt."""
    yield durable
    mine = durable._inprocess
    durable.close()
    for thread in threading.enumerate():
        target = getattr(thread, "_target", None)  # gone when its work is done
        if mine is not None and getattr(target, "__self__", None) is mine:
            thread.join(10)
