"""What differs between the stores: how their time is moved, how a call is made twice, and what they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from durable_celery.clock import Clock, ManualClock, SystemClock
from durable_celery.promise import Promise
from durable_celery.store import Store
from durable_celery.stores import LocalStore, RedisStore
from durable_celery.stores.redis import records
from durable_celery.stores.redis.connection import Connection
from durable_celery.stores.redis.scripts import Argument, Script
from durable_celery.stores.redis.tide import Tide


@dataclass(frozen=True, slots=True)
class Row:
    """One promise as the store holds it: not projected."""

    promise: Promise
    token: str
    cursor: int
    journal: dict[str, str]
    awaiters: frozenset[str]
    timers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a store holds."""

    rows: dict[str, Row] = field(default_factory=dict)
    ready: frozenset[str] = frozenset()
    lease: frozenset[str] = frozenset()


class Bench(Protocol):
    """A store on which histories are played, one after the other."""

    store: Store
    clock: Clock

    def advance(self, ms: int) -> None:
        """Move the store's clock and the workers' clocks together."""

    def twice(self, call: Callable[[], Any]) -> Any:
        """Make a call whose first reply is lost; the answer is the second one."""

    def snapshot(self) -> Snapshot:
        """Look at everything."""

    def clear(self) -> None:
        """Begin anew with an empty store."""


class LocalBench:
    """LocalStore on a clock that moves when told."""

    def __init__(self, make: Callable[[ManualClock], LocalStore] = LocalStore) -> None:
        self._make = make
        self.clear()

    def clear(self) -> None:
        self.clock = ManualClock()
        self.store = self._make(self.clock)

    def advance(self, ms: int) -> None:
        self.clock.advance(ms=ms)

    def twice(self, call: Callable[[], Any]) -> Any:
        try:
            call()
        except Exception:  # the reply is lost, whatever it was
            pass
        return call()

    def snapshot(self) -> Snapshot:
        rows = self.store._rows
        return Snapshot(
            rows={
                promise_id: Row(
                    promise=row.promise,
                    token=row.token,
                    cursor=row.cursor,
                    journal=dict(row.journal),
                    awaiters=frozenset(awaiter for awaiter, _ in row.awaiters),
                    timers=frozenset(row.timers),
                )
                for promise_id, row in rows.by_id.items()
            },
            ready=frozenset(rows.ready.all()),
            lease=frozenset(rows.lease.all()),
        )


class RedisBench:
    """RedisStore on a real server, its clock moved by the offset that exists for tests."""

    def __init__(self, url: str) -> None:
        self.clock = _MovedClock()
        self.store = RedisStore(url)
        self._connection = self.store.connection = _Repeating(self.store.connection)
        self._client = self._connection.client
        self._look: Any = self._client.register_script(_LOOK)

    def clear(self) -> None:
        self._client.flushdb()
        self._connection.tide = Tide()  # another store, not one that went back

    def advance(self, ms: int) -> None:
        self.clock.moved_ms += ms
        self._client.incrby(self.store.prefix + "clock", ms)

    def twice(self, call: Callable[[], Any]) -> Any:
        with self._connection.repeating():
            return call()

    def snapshot(self) -> Snapshot:
        found, ready, lease = self._look(keys=[self.store.prefix])
        return Snapshot(
            rows={promise_id: _row(promise_id, *parts) for promise_id, *parts in found},
            ready=frozenset(ready),
            lease=frozenset(lease),
        )


class _MovedClock(SystemClock):
    """The machine's clocks, moved forward as the server's is: neither stands still meanwhile."""

    moved_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.moved_ms

    def monotonic_ms(self) -> float:
        return super().monotonic_ms() + self.moved_ms


class _Repeating(Connection):
    """Runs a script twice while told to: what a client does that never got the first reply."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.client, connection.patience_s)
        self._times = 1

    @contextmanager
    def repeating(self) -> Iterator[None]:
        self._times = 2
        try:
            yield
        finally:
            self._times = 1

    def run(self, script: Script, key: str, arguments: list[Argument]) -> Any:
        for _ in range(self._times - 1):
            super().run(script, key, arguments)
        return super().run(script, key, arguments)


def _row(promise_id: str, flat: list[str], journal: list[str], awaiters: list[str]) -> Row:
    fields = records.pairs(flat)
    return Row(
        promise=records.promise(promise_id, flat),
        token=fields.get("n", ""),
        cursor=int(fields.get("jc", 0)),
        journal=records.pairs(journal),
        awaiters=frozenset(awaiter.partition("|")[0] for awaiter in awaiters),
        timers=frozenset(fields.get("tp", "").split()),
    )


#: Every record with its journal and its awaiters, and the two indexes, in one round trip.
_LOOK = """
local P = KEYS[1]
local found = {}
for _, key in ipairs(redis.call('KEYS', P .. 'r:*')) do
  local id = string.sub(key, #P + 3)
  local awaiters = redis.call('HKEYS', P .. 'cb:' .. id)
  found[#found + 1] = {id, redis.call('HGETALL', key), redis.call('HGETALL', P .. 'j:' .. id), awaiters}
end
return {found, redis.call('ZRANGE', P .. 'ready', 0, -1), redis.call('ZRANGE', P .. 'lease', 0, -1)}
"""
