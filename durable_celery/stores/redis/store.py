"""RedisStore: every verb of the contract as one Lua script on one partition."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Any

import redis

from durable_celery.errors import (
    LeaseLost,
    NotExternal,
    PromiseNotFound,
    StoreMisconfigured,
)
from durable_celery.journal import FORMAT
from durable_celery.looking import Lines
from durable_celery.promise import Outcome, Promise, State
from durable_celery.settings import Durability
from durable_celery.store import (
    MAX_BACKOFF_MS,
    Beat,
    Change,
    Claimed,
    Creation,
    Group,
    Hold,
    Pulse,
    Ready,
    Refusal,
    Refused,
    Suspension,
    Sweep,
)
from durable_celery.stores.guards import check_groups, check_settleable
from durable_celery.stores.redis import checks, records
from durable_celery.stores.redis.connection import Connection, timeout_of
from durable_celery.stores.redis.keys import prefix
from durable_celery.stores.redis.making import RedisMaking
from durable_celery.stores.redis.nodes import opened
from durable_celery.stores.redis.presence import RedisPresence
from durable_celery.stores.redis.resealing import RedisResealing
from durable_celery.stores.redis.tide import Tide
from durable_celery.stores.redis.watch import Watcher
from durable_celery.tending import Tended

#: Seconds a call may take in a web request before StoreUnavailable.
DEFAULT_PATIENCE_S = 2.0


class RedisStore(RedisMaking, RedisResealing):
    """Promises in Redis (6.2 or newer, or Valkey).

    `server` is a URL (`redis+cluster://host:port,host:port` for a Redis Cluster) or
    a client made with `decode_responses=True`; `patience`
    bounds every call in seconds, None waits for as long as Redis is away.
    `durability` is "relaxed" or "strict", see docs/durability.md.
    """

    def __init__(
        self,
        server: str | redis.Redis = "redis://localhost:6379/0",
        *,
        key_prefix: str = "dc",
        patience: float | None = DEFAULT_PATIENCE_S,
        durability: Durability | str = Durability.RELAXED,
        tide: Tide | None = None,
    ) -> None:
        if {"{", "}"} & set(key_prefix):
            raise StoreMisconfigured(f"the key prefix {key_prefix!r} must not hold braces: they mark the hash tag")
        self.server = server
        self.key_prefix = key_prefix
        self.durability = Durability(durability)
        self.prefix = prefix(key_prefix, 0)
        self.connection = Connection(
            opened(server, timeout_s=timeout_of(patience)), patience, self.durability, tide, self.prefix
        )
        self._watcher = Watcher(self.connection.server, self.prefix)

    def __repr__(self) -> str:
        return f"RedisStore({self.prefix!r})"

    @property
    def rollbacks(self) -> int:
        return self.connection.tide.rollbacks

    def patient(self, patience: float | None, durability: Durability | None = None) -> RedisStore:
        """The same store through connections of its own, with another bound on every call."""
        durability, tide = durability or self.durability, self.connection.tide
        return RedisStore(self.server, key_prefix=self.key_prefix, patience=patience, durability=durability, tide=tide)

    def check(self) -> None:
        server, seq = self.connection.server, f"{self.prefix}seq"
        self.connection.patiently(lambda: checks.check(server, self.key_prefix, self.durability, seq))

    def claim(self, promise_id: str, worker: str, lease_ms: int) -> Claimed | Refused:
        nonce = secrets.token_hex(6)
        answer = self._run("claim", id=promise_id, worker=worker, nonce=nonce, lease_ms=lease_ms, format=FORMAT)
        if answer[0] != "OK":
            found = records.promise(promise_id, answer[1]) if len(answer) > 1 else None
            return Refused(Refusal(answer[0]), found)
        _, token, now_ms, record, journal, state = answer
        cursor = int(records.pairs(record)["jc"])
        hold = Hold(promise_id, token, lease_ms)
        found, pairs = records.promise(promise_id, record), records.pairs
        return Claimed(hold, found, pairs(journal), cursor, int(now_ms), pairs(state))

    def checkpoint(
        self,
        hold: Hold,
        cursor: int,
        entries: Sequence[tuple[str, str]],
        changes: Sequence[Change] = (),
        log: Lines | None = None,
    ) -> bool:
        rest, count = [*records.flat(entries), *records.marked(changes, log)], len(entries)
        answer = self._fenced("checkpoint", hold, rest, cursor=cursor, lease_ms=hold.lease_ms, count=count)
        return len(answer) > 1 and bool(answer[1])

    def suspend(self, hold: Hold, cursor: int, groups: Sequence[Group], *, peek: bool = False) -> Suspension:
        check_groups(groups)
        rest: list[str | int] = []
        for group in groups:
            rest += [group.need, int(group.fail_fast), len(group.awaits)]
            for awaited in group.awaits:
                rest += records.awaited(awaited)
        answer = self._fenced("suspend", hold, rest, cursor=cursor, peek=int(peek))
        if answer[0] == "UNKNOWN":
            raise PromiseNotFound(answer[1])
        if answer[0] == "CANCELLED":
            return Suspension(False, cancelled=True)
        there = answer[1:]
        delivered = {
            path: Outcome(State.of(code), value)
            for path, code, value in zip(there[::3], there[1::3], there[2::3], strict=True)
        }
        return Suspension(answer[0] == "OK", delivered)

    def fulfil(
        self,
        hold: Hold,
        cursor: int,
        outcome: Outcome,
        entries: Sequence[tuple[str, str]] = (),
        changes: Sequence[Change] = (),
        log: Lines | None = None,
    ) -> tuple[Ready, ...]:
        rest, state = [*records.flat(entries), *records.marked(changes, log)], outcome.state.code
        answer = self._fenced("fulfil", hold, rest, cursor=cursor, state=state, value=outcome.value, count=len(entries))
        return records.ready(answer[1])

    def settle(
        self, promise_id: str, state: State, value: str, *, key: str = "", strict: bool = False
    ) -> tuple[Creation, Promise, tuple[Ready, ...]]:
        check_settleable(state)
        answer = self._run(
            "settle", id=promise_id, to=state.code, value=value, key=key, strict=int(strict), nonce=secrets.token_hex(8)
        )
        if answer[0] == "EXECUTION":
            raise NotExternal(promise_id)
        return _settled(promise_id, answer)

    def cancel(self, promise_id: str, grace_ms: int = 0) -> tuple[Creation, Promise, tuple[Ready, ...]]:
        return _settled(promise_id, self._run("cancel", id=promise_id, grace_ms=grace_ms))

    def heed(self, hold: Hold, cursor: int) -> bool:
        return bool(self._fenced("heed", hold, cursor=cursor)[0] == "NOW")

    def beat(self, beats: Sequence[Beat]) -> Pulse:
        rest: list[str | int] = []
        for beat in beats:
            rest += [beat.hold.id, beat.hold.token, beat.hold.lease_ms, beat.running]
        return Pulse(*map(frozenset, self._run("beat", rest))) if rest else Pulse()

    def sweep(self, max_attempts: int, limit: int = 100) -> Sweep:
        rows, backlog, soonest, parked = self._run(
            "sweep", max_attempts=max_attempts, limit=limit, max_backoff=MAX_BACKOFF_MS
        )
        return Sweep(records.ready(rows), int(backlog), None if int(soonest) < 0 else int(soonest), tuple(parked))

    def crashed(self, promise_id: str, holder: str, max_attempts: int, reason: str) -> tuple[Ready, ...]:
        reason = records.printable(reason)
        rows = self._run("crashed", id=promise_id, holder=holder, max_attempts=max_attempts, reason=reason)
        return records.ready(rows)

    def lapse(self, node: str, max_attempts: int, reason: str) -> tuple[Ready, ...]:
        return records.ready(self._run("lapse", node=node, max_attempts=max_attempts, reason=records.printable(reason)))

    def release(self, hold: Hold) -> tuple[Ready, ...]:
        return records.ready(self._fenced("release", hold)[1])

    def park(self, hold: Hold, reason: str) -> None:
        self._fenced("park", hold, reason=records.printable(reason))

    def progress(self, hold: Hold, progress: str, log: Lines | None = None) -> None:
        mark = "" if log is None else log.mark
        self._fenced("progress", hold, records.marked((), log), progress=progress, mark=mark)

    def resume(self, promise_id: str) -> tuple[Ready, ...]:
        answer = self._run("resume", id=promise_id)
        if answer[0] == "ABSENT":
            raise PromiseNotFound(promise_id)
        return records.ready(answer[1])

    def mirrored(self, promise_ids: Iterable[str]) -> None:
        self._run("mirrored", list(promise_ids))

    def tend(self, limit: int = 100) -> Tended:
        now_ms, *rows = self._run("tend", limit=limit, max_backoff=MAX_BACKOFF_MS)
        return Tended(int(now_ms), tuple(records.promise(promise_id, record) for promise_id, record in rows))

    def sent(self, promise_id: str, sends: int) -> None:
        self._run("sent", id=promise_id, sends=sends)

    def presence(self, node: str) -> RedisPresence:
        return RedisPresence(self.connection.server, self.prefix, node)

    def close(self) -> None:
        self._watcher.close()
        self.connection.server.close()

    def _fenced(self, verb: str, hold: Hold, rest: Sequence[str | int] = (), **named: str | int) -> Any:
        answer = self._run(verb, rest, id=hold.id, token=hold.token, **named)
        if answer[0] == "LOST":
            raise LeaseLost(hold.id)
        return answer


def _settled(promise_id: str, answer: Sequence[Any]) -> tuple[Creation, Promise, tuple[Ready, ...]]:
    if answer[0] == "ABSENT":
        raise PromiseNotFound(promise_id)
    return Creation(answer[0]), records.promise(promise_id, answer[1]), records.ready(answer[2])
