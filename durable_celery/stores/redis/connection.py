"""Calls to Redis: one script, one bounded wait, errors in our own words."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Any

import redis
from redis import exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from durable_celery.errors import DurableError, StoreFull, StoreMisconfigured, StoreUnavailable
from durable_celery.stores.redis import wire
from durable_celery.stores.redis.scripts import Argument, Script

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 0.5
#: Refusals that pass by themselves: loading, failing over, a disk that is full, a script that runs.
#: Before Redis 7 they stand inside another error when a script meets them.
_PASSING = re.compile(r"(^|-)(LOADING|READONLY|MISCONF|NOREPLICAS|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY) ")
_FULL = "command not allowed when used memory > 'maxmemory'"


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


def subscriber(client: redis.Redis) -> redis.client.PubSub:
    """A connection for listening, not subscribed to anything yet."""
    pubsub: redis.client.PubSub = client.pubsub(ignore_subscribe_messages=False)  # type: ignore[no-untyped-call]
    return pubsub


class Connection:
    """Runs scripts on a client for about `patience_s` seconds a call at most; None waits as long as it takes.

    What is tried again may have been done already: every script bears being run twice.
    """

    def __init__(self, client: redis.Redis, patience_s: float | None) -> None:
        self.client = client
        self.patience_s = patience_s

    def run(self, script: Script, key: str, arguments: list[Argument]) -> Any:
        """The script's answer. Raises StoreUnavailable (or StoreFull) when patience is over."""
        return self.patiently(lambda: self._evaluate(script, key, arguments))

    def run_all(self, script: Script, key: str, calls: Sequence[list[Argument]]) -> list[Any]:
        """The script's answers to several calls, in order and in one round trip."""
        if len(calls) == 1:
            return [self.run(script, key, calls[0])]
        return list(self.patiently(lambda: self._evaluate_all(script, key, calls)))

    def patiently(self, call: Callable[[], Any]) -> Any:
        """`call()` until it succeeds or patience is over; what waiting cannot mend is raised at once."""
        began, pause = time.monotonic(), _FIRST_PAUSE_S
        while True:
            try:
                return call()
            except (exceptions.RedisError, OSError) as error:
                trouble = _trouble(error)
                if trouble is None:
                    raise
                left = None if self.patience_s is None else self.patience_s - (time.monotonic() - began)
                if trouble is StoreMisconfigured or (left is not None and left <= pause):
                    raise self._explained(trouble, error) from error
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    def _evaluate(self, script: Script, key: str, arguments: list[Argument]) -> Any:
        try:
            return wire.call(self.client, "EVALSHA", script.sha, 1, key, *arguments)
        except exceptions.NoScriptError:
            return self.client.eval(script.text, 1, key, *arguments)

    def _evaluate_all(self, script: Script, key: str, calls: Sequence[list[Argument]]) -> list[Any]:
        pipeline = self.client.pipeline(transaction=False)
        pipeline.script_load(script.text)
        for arguments in calls:
            pipeline.evalsha(script.sha, 1, key, *arguments)
        return list(pipeline.execute()[1:])

    def _explained(self, trouble: type[DurableError], error: Exception) -> DurableError:
        if trouble is StoreMisconfigured:
            return StoreMisconfigured(
                f"Redis refuses this client: {error}; check user and password in durable_store_url"
            )
        if trouble is StoreFull:
            return StoreFull(
                "Redis is at its maxmemory and refuses to write; raise maxmemory or delete data. Nothing is lost"
            )
        return StoreUnavailable(
            f"Redis did not answer within {self.patience_s:g} s ({error}); nothing acknowledged is lost, try again"
        )


def _trouble(error: Exception) -> type[DurableError] | None:
    """What kind of trouble an error is; None for one that is a mistake of ours."""
    if isinstance(error, exceptions.AuthenticationError | exceptions.AuthorizationError | exceptions.NoPermissionError):
        return StoreMisconfigured
    if isinstance(error, exceptions.OutOfMemoryError) or _FULL in str(error):
        return StoreFull
    passing = exceptions.ConnectionError | exceptions.TimeoutError | exceptions.ReadOnlyError | exceptions.ClusterError
    if isinstance(error, passing | OSError) or _PASSING.search(str(error)):
        return StoreUnavailable
    return None
