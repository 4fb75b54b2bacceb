"""RedisStore, the part that looks: records, journals, states, hints."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from durable_celery.errors import Expired, PromiseNotFound
from durable_celery.looking import SEARCH_DEPTH, SEARCH_PAGE, Census, Found, place
from durable_celery.promise import Promise, State
from durable_celery.stores.redis import records, scripts
from durable_celery.stores.redis.connection import Connection
from durable_celery.stores.redis.keys import FIELDS
from durable_celery.stores.redis.watch import Watcher

#: What a search does not read of a record: payloads may be large.
_PAYLOADS = ("args", "value", "canvas")
_SHOWN = [field for name, field in FIELDS.items() if name not in _PAYLOADS]


class RedisLooking:
    """What RedisStore looks with: one script on one partition for each verb."""

    connection: Connection
    prefix: str
    _watcher: Watcher

    def state(self, object: str) -> dict[str, str]:
        key = f"{self.prefix}st:{object}"
        found = records.pairs(self.connection.patiently(lambda: self.connection.client.hgetall(key)))
        self.connection.secure(f"{self.prefix}seq")
        return found

    def get(self, promise_id: str) -> Promise:
        return self._read(promise_id, with_journal=False)[0]

    def read(self, promise_id: str) -> tuple[Promise, dict[str, str]]:
        return self._read(promise_id, with_journal=True)

    def search(
        self,
        functions: Collection[str] = (),
        state: State | None = None,
        prefix: str = "",
        after: str = "",
        limit: int = SEARCH_PAGE,
    ) -> Found:
        before, beyond = place(after) if after else ("", "")
        now_ms, end, *rows = self._run(
            "search",
            [*_SHOWN, *functions],
            state="" if state is None else state.code,
            prefix=prefix,
            before=before,
            beyond=beyond,
            limit=limit,
            depth=SEARCH_DEPTH,
            fields=len(_SHOWN),
        )
        return Found(tuple(_shown(promise_id, values, int(now_ms)) for promise_id, values in rows), end)

    def log(self, promise_id: str) -> list[str]:
        key = f"{self.prefix}l:{promise_id}"
        return list(self.connection.patiently(lambda: self.connection.client.lrange(key, 0, -1)))

    def census(self) -> Census:
        parked, ready, leased, timers, tended, roots, pending = self._run("census")
        by_function = {function: int(number) for function, number in records.pairs(pending).items()}
        return Census(by_function, ready, leased, parked, timers, tended, roots)

    def watch(self, promise_id: str, notify: Callable[[], None], *, closely: bool = False) -> Callable[[], None]:
        return self._watcher.watch(promise_id, notify, closely=closely)

    def _read(self, promise_id: str, *, with_journal: bool) -> tuple[Promise, dict[str, str]]:
        now_ms, record, journal, *burnt = self._run("read", id=promise_id, with_journal=int(with_journal))
        if not record:
            raise Expired(promise_id, burnt[0]) if burnt[0] is not None else PromiseNotFound(promise_id)
        found = records.promise(promise_id, record, int(now_ms))
        if found.state.settled:  # whoever settled it may still be waiting for the disk
            self.connection.secure(f"{self.prefix}seq")
        return found, records.pairs(journal)

    def _run(self, verb: str, rest: Sequence[str | int] = (), **named: str | int) -> Any:
        script = scripts.load(verb)
        return self.connection.run(script, self.prefix, script.arguments(named, rest))


def _shown(promise_id: str, values: Sequence[str | None], now_ms: int) -> Promise:
    record = {field: value for field, value in zip(_SHOWN, values, strict=True) if value is not None}
    return records.promise(promise_id, record, now_ms)  # type: ignore[arg-type]
