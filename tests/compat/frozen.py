"""A store as it was at one moment: taken from Redis key by key, put back there, or into a LocalStore."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from durable_celery.newpromise import NewPromise
from durable_celery.promise import Access, Phase, State
from durable_celery.stores.local.row import Registration, Row
from durable_celery.stores.redis import records
from tests.simulation.benches import Bench, LocalBench, RedisBench

PREFIX = "dc:{0}:"


@dataclass(frozen=True, slots=True)
class Frozen:
    """One moment. `now_ms` is the store's time, `keys` what it held, `recorded` the steps that were recorded."""

    after: str
    now_ms: int
    recorded: list[str]
    keys: dict[str, Any]


def freeze(bench: RedisBench, after: str, recorded: set[str]) -> Frozen:
    client: Any = bench.store.connection.client
    seconds, micros = client.time()
    now_ms = seconds * 1000 + micros // 1000 + int(client.get(PREFIX + "clock") or 0)
    names = sorted(set(client.scan_iter(PREFIX + "*")) - {PREFIX + "clock"})
    return Frozen(after, now_ms, sorted(recorded), {name.removeprefix(PREFIX): _read(client, name) for name in names})


def thaw(bench: Bench, frozen: Frozen) -> None:
    """Let an empty bench hold what was frozen, at the time when it was."""
    if isinstance(bench, RedisBench):
        _thaw_redis(bench, frozen)
    else:
        assert isinstance(bench, LocalBench)
        _Local(bench, frozen).fill()


def _read(client: Any, name: str) -> Any:
    kind = client.type(name)
    if kind == "hash":
        return dict(sorted(client.hgetall(name).items()))
    if kind == "zset":
        return {"#": {member: int(score) for member, score in client.zrange(name, 0, -1, withscores=True)}}
    return client.lrange(name, 0, -1) if kind == "list" else client.get(name)


def _thaw_redis(bench: RedisBench, frozen: Frozen) -> None:
    client: Any = bench.store.connection.client
    for short, held in frozen.keys.items():
        name = PREFIX + short
        if isinstance(held, str):
            client.set(name, held)
        elif isinstance(held, list):
            client.rpush(name, *held)
        elif "#" in held:
            client.zadd(name, held["#"])
        else:
            client.hset(name, mapping=held)
    seconds, micros = client.time()
    behind_ms = frozen.now_ms - (seconds * 1000 + micros // 1000)
    bench.clock.moved_ms += behind_ms
    client.set(PREFIX + "clock", behind_ms)


class _Local:
    """The same in a LocalStore's rows."""

    def __init__(self, bench: LocalBench, frozen: Frozen) -> None:
        self._rows, self._keys = bench.store._rows, frozen.keys
        bench.clock.advance(ms=frozen.now_ms - bench.clock.now_ms())

    def fill(self) -> None:
        for key in [key for key in self._keys if key.startswith("r:")]:
            self._row(key[2:], self._keys[key])
        for key in [key for key in self._keys if key.startswith("cb:")]:
            for awaiter, how in self._keys[key].items():
                name, _, path = awaiter.partition("|")
                self._rows.by_id[key[3:]].awaiters[name, path] = _registration(how)
        for index in ("deadline", "lease", "ready", "tend"):
            for promise_id, at in self._index(index).items():
                getattr(self._rows, index).set(promise_id, at)
        for timer, at in self._index("timer").items():
            name, _, path = timer.partition("|")
            self._rows.timer.set((name, path), at)
        for key, held in self._keys.items():
            if key.startswith("mb:"):
                self._rows.objects._mailboxes[key[3:]] = dict.fromkeys(held)
            elif key.startswith("st:"):
                self._rows.objects._states[key[3:]] = dict(held)

    def _index(self, name: str) -> dict[str, int]:
        return self._keys.get(name, {"#": {}})["#"]

    def _row(self, promise_id: str, record: dict[str, str]) -> None:
        promise = records.promise(promise_id, record)  # type: ignore[arg-type]
        new = NewPromise(
            id=promise_id,
            function=promise.function,
            canvas=promise.canvas,
            retention_ms=int(record["rn"]),
            timer=record.get("tm") == "1",
            mirror=promise.mirror,
            access=Access(promise.access),
        )
        row = self._rows.by_id[promise_id] = Row(promise, new, dict(self._keys.get(f"j:{promise_id}", {})))
        row.cursor, row.token = int(record["jc"]), record.get("n", "")
        row.timers = {field[3:]: _registration(how) for field, how in record.items() if field.startswith("th:")}
        row.left = {int(field[1:]): int(left) for field, left in record.items() if re.fullmatch(r"g\d+", field)}
        row.pending, row.told = int(record.get("pc", 0)), "ch" in record
        self._rows.trees.setdefault(promise.tree, {})[promise_id] = None
        if promise.state is not State.PENDING and promise.phase is Phase.ACQUIRED:
            raise AssertionError(f"{promise_id} is settled and held")


def _registration(how: str) -> Registration:
    epoch, _, groups = how.partition(" ")
    return Registration(int(epoch), [(int(n), fast == "1") for n, fast in re.findall(r"(\d+)\|(\d)", groups)])
