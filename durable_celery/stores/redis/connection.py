"""Calls to Redis: one script, one bounded wait, errors in our own words."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    TimeoutError,
)
from redis.retry import Retry

from durable_celery.errors import StoreFull, StoreUnavailable
from durable_celery.stores.redis.scripts import Argument, Script

#: What a call is tried again for: every script bears being run twice.
_PASSING = (ConnectionError, TimeoutError, BusyLoadingError, ReadOnlyError, OutOfMemoryError, OSError)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 0.5


def connect(url: str, *, timeout_s: float) -> redis.Redis:
    """A client that does not retry by itself: how long a call may take is decided here, not there."""
    client: redis.Redis = redis.Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        health_check_interval=0,
        retry=Retry(NoBackoff(), 0),
    )
    return client


class Connection:
    """Runs scripts on a client for at most `patience_s` seconds a call; None waits as long as it takes."""

    def __init__(self, client: redis.Redis, patience_s: float | None) -> None:
        self.client = client
        self.patience_s = patience_s

    def run(self, script: Script, key: str, arguments: list[Argument]) -> Any:
        """The script's answer. Raises StoreUnavailable (or StoreFull) when patience is over."""
        return self.patiently(lambda: self._evaluate(script, key, arguments))

    def patiently(self, call: Callable[[], Any]) -> Any:
        """`call()` until it succeeds or patience is over."""
        began, pause = time.monotonic(), _FIRST_PAUSE_S
        while True:
            try:
                return call()
            except _PASSING as error:
                left = None if self.patience_s is None else self.patience_s - (time.monotonic() - began)
                if left is not None and left <= pause:
                    raise _unavailable(error, self.patience_s) from error
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    def _evaluate(self, script: Script, key: str, arguments: list[Argument]) -> Any:
        try:
            return self.client.evalsha(script.sha, 1, key, *arguments)
        except NoScriptError:
            return self.client.eval(script.text, 1, key, *arguments)


def _unavailable(error: Exception, patience_s: float | None) -> StoreUnavailable:
    if isinstance(error, OutOfMemoryError):
        return StoreFull(
            "Redis is at its maxmemory and refuses to write; raise maxmemory or delete data. Nothing is lost"
        )
    return StoreUnavailable(
        f"Redis did not answer within {patience_s} s ({error}); nothing acknowledged is lost, try again"
    )
