"""Calls to Redis: one script, one bounded wait, errors in our own words."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any

import redis
from redis import exceptions

from durable_celery.errors import DurableError, NotOnDisk, StoreFull, StoreMisconfigured, StoreUnavailable
from durable_celery.settings import Durability
from durable_celery.stores.redis import wire
from durable_celery.stores.redis.disk import Disk
from durable_celery.stores.redis.nodes import Alone, Server
from durable_celery.stores.redis.scripts import Argument, Script
from durable_celery.stores.redis.tide import Tide

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 0.5
#: Refusals that pass by themselves: loading, failing over, a disk that is full, a script that runs.
#: Before Redis 7 they stand inside another error when a script meets them.
_PASSING = re.compile(r"(^|-)(LOADING|READONLY|MISCONF|NOREPLICAS|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY) ")
_FULL = "command not allowed when used memory > 'maxmemory'"


def timeout_of(patience_s: float | None) -> float:
    """Seconds that one attempt at a call may take."""
    return 5.0 if patience_s is None else max(patience_s, 0.1)


class Connection:
    """Runs scripts on a server for about `patience_s` seconds a call at most; None waits as long as it takes.

    What is tried again may have been done already: every script bears being run twice.
    With `strict` durability a script that somebody relies on has not succeeded before Redis' disk has it.
    """

    def __init__(
        self,
        server: redis.Redis | Server,
        patience_s: float | None,
        durability: Durability = Durability.RELAXED,
        tide: Tide | None = None,
        home: str = "",
    ) -> None:
        """Keys that begin with `home` are all on one server, though not always on the same."""
        self.server = Alone(server) if isinstance(server, redis.Redis) else server
        self.home = home
        self.patience_s = patience_s
        self.disk = Disk(durability, timeout_of(patience_s))
        self.tide = tide or Tide()

    @property
    def client(self) -> redis.Redis:
        """A client of the server that has the keys now; to be asked for again when something went wrong."""
        return self.server.at(self.home)

    def run(self, script: Script, key: str, arguments: list[Argument]) -> Any:
        """The script's answer. Raises StoreUnavailable (or StoreFull) when patience is over."""
        return self.patiently(lambda: self._evaluate(script, key, arguments))

    def run_all(self, script: Script, key: str, calls: Sequence[list[Argument]]) -> list[Any]:
        """The script's answers to several calls, in order and in one round trip."""
        if len(calls) == 1:
            return [self.run(script, key, calls[0])]
        return list(self.patiently(lambda: self._evaluate_all(script, key, calls)))

    def secure(self, key: str) -> None:
        """With `strict` durability: return when the disk has what anybody wrote so far; `key` is the count."""
        question = self.disk.question("settle")
        if question is not None:  # WAITAOF waits for writes of this connection: so there has to be one
            self.patiently(lambda: self._count(key, question))

    def patiently(self, call: Callable[[], Any]) -> Any:
        """`call()` until it succeeds or patience is over; what waiting cannot mend is raised at once."""
        began, pause = time.monotonic(), _FIRST_PAUSE_S
        while True:
            try:
                return call()
            except (exceptions.RedisError, OSError) as error:
                trouble = self._trouble(error)
                if trouble is None:
                    raise
                self.server.renew()
                left = None if self.patience_s is None else self.patience_s - (time.monotonic() - began)
                if isinstance(error, NotOnDisk) and left is not None and left <= pause:
                    raise
                if trouble is StoreMisconfigured or (left is not None and left <= pause):
                    raise self._explained(trouble, error) from error
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    def _count(self, key: str, question: wire.Command) -> None:
        client = self.client
        self.disk.heard(wire.call(client, ("INCR", key), question)[1], client)

    def _evaluate(self, script: Script, key: str, arguments: list[Argument]) -> Any:
        client, tide, question = self.client, self.tide, self.disk.question(script.name)
        floor, rollbacks = tide.seen, tide.rollbacks
        given = (1, key, floor if script.fenced else 0, *arguments)
        try:
            reply, on_disk = wire.call(client, ("EVALSHA", script.sha, *given), question)
        except exceptions.NoScriptError:
            reply, on_disk = wire.call(client, ("EVAL", script.text, *given), question)
        tide.note(reply[0], floor, rollbacks, counted=script.counted)
        if question is not None:
            self.disk.heard(on_disk, client)
        return reply[1]

    def _evaluate_all(self, script: Script, key: str, calls: Sequence[list[Argument]]) -> list[Any]:
        client, tide, question = self.client, self.tide, self.disk.question(script.name)
        floor, rollbacks = tide.seen, tide.rollbacks
        pipeline = client.pipeline(transaction=False)
        pipeline.script_load(script.text)
        for arguments in calls:
            pipeline.evalsha(script.sha, 1, key, floor if script.fenced else 0, *arguments)
        if question is not None:
            pipeline.execute_command(*question)  # type: ignore[no-untyped-call]
        replies = pipeline.execute(raise_on_error=False)[1:]
        on_disk = replies.pop() if question is not None else None
        for error in replies:
            if isinstance(error, Exception):
                raise error
        for reply in replies:
            tide.note(reply[0], floor, rollbacks, counted=script.counted)
        if question is not None:
            self.disk.heard(on_disk, client)
        return [reply[1] for reply in replies]

    def _explained(self, trouble: type[DurableError], error: Exception) -> DurableError:
        if isinstance(error, exceptions.AskError) and trouble is StoreMisconfigured:
            return StoreMisconfigured(
                f"this Redis is a node of a Redis Cluster ({error}): let durable_store_url begin with redis+cluster://"
            )
        if trouble is StoreMisconfigured and (why := _distrust(error)):
            return StoreMisconfigured(
                f"there is no trusted TLS connection to Redis ({why}); in durable_store_url ssl_ca_certs= names the "
                "file of who signed its certificate, and ssl_certfile= and ssl_keyfile= those of ours"
            )
        if trouble is StoreMisconfigured:
            return StoreMisconfigured(
                f"Redis refuses this client: {error}; check user and password in durable_store_url"
            )
        if trouble is StoreFull:
            return StoreFull(
                "Redis is at its maxmemory and refuses to write; raise maxmemory or delete data. Nothing is lost"
            )
        why = f"its keys are being carried: {error}" if isinstance(error, exceptions.AskError) else str(error)
        return StoreUnavailable(
            f"Redis did not answer within {self.patience_s:g} s ({why}); nothing acknowledged is lost, try again"
        )

    def _trouble(self, error: Exception) -> type[DurableError] | None:
        """What kind of trouble an error is; None for one that is a mistake of ours."""
        if isinstance(
            error, exceptions.AuthenticationError | exceptions.AuthorizationError | exceptions.NoPermissionError
        ):
            return StoreMisconfigured
        if _distrust(error):
            return StoreMisconfigured
        if isinstance(error, exceptions.OutOfMemoryError) or _FULL in str(error):
            return StoreFull
        if isinstance(error, exceptions.AskError) and isinstance(self.server, Alone):  # or MovedError, which is one
            return StoreMisconfigured
        passing = (
            exceptions.ConnectionError | exceptions.TimeoutError | exceptions.ReadOnlyError | exceptions.ClusterError
        )
        if isinstance(error, passing | exceptions.AskError | OSError) or _PASSING.search(str(error)):
            return StoreUnavailable
        return None


def _distrust(error: BaseException | None) -> str:
    """Which certificate one of the two does not trust, where that is what is wrong; it does not pass by itself."""
    while error is not None:
        if isinstance(error, ssl.SSLError) and "CERTIFICATE" in (error.reason or ""):
            return str(error)
        error = error.__cause__ or error.__context__
    return ""
