"""A machine that tells LocalStore and RedisStore the same random history, and compares what they answer."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import redis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from durable_celery.clock import ManualClock
from durable_celery.looking import Lines
from durable_celery.newpromise import NewPromise
from durable_celery.promise import Access, Outcome, Phase, State
from durable_celery.store import Await, Beat, Change, Claimed, Created, Group, Hold, Store
from durable_celery.stores import LocalStore, RedisStore
from tests.contract.conftest import START, set_clock
from tests.contract.stories import spawn
from tests.leaks import leaks

ROOTS = ("r1", "r2", "r3", "r4", "r5", "r6")
EXTERNALS = ("x1", "x2", "x3", "x4")
PATHS = ("1", "2", "3")
CHILDREN = tuple(f"{root}.{path}" for root in ROOTS for path in PATHS)
GRANDCHILDREN = tuple(f"{child}.1" for child in CHILDREN[:2])
EXECUTIONS = ROOTS + CHILDREN + GRANDCHILDREN
ALL = EXECUTIONS + EXTERNALS
MAX = 3
#: A nonce is the store's own secret: two stores never agree on it.
_NONCE = re.compile(r"\b(\d+):[0-9a-f]{12}\b")

outcomes = st.sampled_from([Outcome(State.RESOLVED, '"a"'), Outcome(State.REJECTED, "[]"), Outcome(State.CANCELED, "")])
timeouts = st.sampled_from([None, None, None, None, 0, 3_000, 30_000])
objects = st.sampled_from(["", "", "o1", "o2"])
changes = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.sampled_from([None, "1", "2"])),
    max_size=2,
    unique_by=lambda each: each[0],
)
picks = st.integers(0, 99)
seldom = st.sampled_from([False] * 7 + [True])


@dataclass
class Attempt:
    """One claim in both stores, and the cursor its holder believes in."""

    local: Hold
    redis: Hold
    cursor: int
    now_ms: int


class Twins(RuleBasedStateMachine):
    """The same verb goes to both stores, at the same instant.

    `pick` chooses among what the verb could do something to, so that histories get somewhere.
    """

    url: ClassVar[str]

    @initialize()
    def begin(self) -> None:
        self.clock = ManualClock(START)
        self.local = LocalStore(self.clock)
        self.redis = RedisStore(self.url)
        self.redis.connection.client.flushall()
        set_clock(self.redis, START)
        self.attempts: list[Attempt] = []
        self.told = 0
        for promise_id in EXTERNALS:
            self.create_external(promise_id, None, timer=False, key="")
        for promise_id in ROOTS[:2]:
            self.create_execution(promise_id, None, "d", 0, "", mirror=False, owner=False)
            self.claim(0, "n1/1")

    def teardown(self) -> None:
        if hasattr(self, "redis"):
            for promise_id in ALL:
                self.read(promise_id)
            self.sweep(100)
            for promise_id in ALL:
                self.both(lambda store, each=promise_id: tuple(store.log(each)))  # type: ignore[misc]
            self.census()
            self.search("", None, "", 100)
            assert _indexes_of_local(self.local) == _indexes_of_redis(self.redis)
            for object in ("o1", "o2"):
                self.state(object)
                mailbox = self.redis.connection.client.lrange(f"{self.redis.prefix}mb:{object}", 0, -1)
                assert list(self.local._rows.objects._mailboxes.get(object, ())) == mailbox
            assert not leaks(self.redis.connection.client), leaks(self.redis.connection.client)
            self.redis.close()

    def both(self, verb: Callable[[Store], Any]) -> Any:
        """The answer, which must be the same from both stores, or the error."""
        return self.each(verb, verb)[0]

    def each(self, local: Callable[[Store], Any], remote: Callable[[Store], Any]) -> tuple[Any, Any]:
        answers = _answer(local, self.local), _answer(remote, self.redis)
        assert _comparable(answers[0]) == _comparable(answers[1])
        return answers

    def held(self, attempt: Attempt, verb: Callable[[Store, Hold], Any]) -> Any:
        return self.each(lambda store: verb(store, attempt.local), lambda store: verb(store, attempt.redis))[0]

    def attempt(self, pick: int) -> Attempt:
        """Mostly one that holds its execution, claimed for the purpose if need be; sometimes one that lost it."""
        rows = self.local._rows
        mine = [each for each in self.attempts if rows.by_id[each.local.id].token == each.local.token]
        if pick % 5 and not any(each.local.id in rows.lease for each in mine):
            self.claim(pick, "n1/1")
            mine = self.attempts[-1:]
        candidates = mine if pick % 5 else self.attempts
        return candidates[pick % len(candidates)]

    def among(self, pick: int, *phases: Phase) -> str:
        """A pending promise in one of these phases, else any id."""
        rows = self.local._rows.by_id.items()
        found = [each for each, row in rows if row.promise.phase in phases and not row.promise.state.settled]
        candidates = sorted(found) if found and pick % 5 else ALL
        return candidates[pick % len(candidates)]

    @rule(ms=st.sampled_from([1, 500, 500, 1_000, 1_000, 2_000, 2_999, 5_000, 30_000]))
    def time_passes(self, ms: int) -> None:
        self.clock.advance(ms=ms)
        set_clock(self.redis, self.clock.now_ms())

    @rule(
        promise_id=st.sampled_from(ROOTS),
        timeout_ms=timeouts,
        digest=st.sampled_from(["d", "e"]),
        delay_ms=st.sampled_from([0, 0, 0, 4_000]),
        object=objects,
        mirror=st.booleans(),
        owner=seldom,
        max_pending=st.sampled_from([None, None, None, 3, 6]),
        recorded=st.sampled_from([0, 0, 0, 1, 2]),
    )
    def create_execution(
        self,
        promise_id: str,
        timeout_ms: int | None,
        digest: str,
        delay_ms: int,
        object: str,
        *,
        mirror: bool,
        owner: bool,
        max_pending: int | None = None,
        recorded: int = 0,
    ) -> None:
        new = NewPromise(
            id=promise_id,
            function="f",
            timeout_ms=timeout_ms,
            digest=digest,
            delay_ms=delay_ms,
            mirror=mirror,
            object=f"w/{promise_id}" if owner else object,
            access=Access.OWNER if owner else Access.EXCLUSIVE if object else Access.SHARED,
            max_pending=max_pending,
            tombstone_ms=1_000,
        )
        journal = [(path, "from before") for path in PATHS[:recorded]]
        self.both(lambda store: store.create(new, journal=journal))

    @rule(promise_id=st.sampled_from(EXTERNALS), timeout_ms=timeouts, timer=st.booleans(), key=st.sampled_from("ab"))
    def create_external(self, promise_id: str, timeout_ms: int | None, *, timer: bool, key: str) -> None:
        new = NewPromise(id=promise_id, timeout_ms=timeout_ms, timer=timer, key=key)
        self.both(lambda store: store.create(new, strict=True))
        self.both(lambda store: store.create(new))

    @rule(pick=picks, worker=st.sampled_from(["n1/1", "n1/2", "n2/1"]))
    def claim(self, pick: int, worker: str) -> None:
        promise_id = self.among(pick, Phase.READY)
        local, remote = self.each(*[lambda store: store.claim(promise_id, worker, 5_000)] * 2)
        if isinstance(local, Claimed):
            self.attempts.append(Attempt(local.hold, remote.hold, local.cursor, local.now_ms))

    @rule(
        pick=picks,
        paths=st.lists(st.sampled_from(PATHS), max_size=2),
        off=st.sampled_from([0, 0, 0, 1, -1]),
        changes=changes,
    )
    def checkpoint(self, pick: int, paths: list[str], off: int, changes: list[Change]) -> None:
        attempt = self.attempt(pick)
        cursor = attempt.cursor + off
        entries = [(path, f"entry at {cursor}") for path in paths]
        made = changes if self.local._rows.by_id[attempt.local.id].promise.access is Access.OWNER and entries else []
        log = Lines(tuple(paths), 3, "") if off == 0 else None
        answer = self.held(attempt, lambda store, hold: store.checkpoint(hold, cursor, entries, made, log))
        if isinstance(answer, bool) and off == 0:
            attempt.cursor += len(entries)

    @rule(
        pick=picks,
        path=st.sampled_from(PATHS),
        timeout_ms=timeouts,
        digest=st.sampled_from(["d", "d", "e"]),
        other=st.sampled_from(["", "", "", *ROOTS, *EXTERNALS]),
        mirror=st.booleans(),
        task=st.sampled_from([False, False, True]),
        delay_ms=st.sampled_from([0, 0, 0, 4_000]),
        object=objects,
    )
    def spawn(
        self,
        pick: int,
        path: str,
        timeout_ms: int | None,
        digest: str,
        other: str,
        delay_ms: int,
        object: str,
        *,
        mirror: bool,
        task: bool,
    ) -> None:
        attempt = self.attempt(pick)
        parent = attempt.local.id
        child_id = other or f"{parent}.{path}"
        if child_id not in ALL or child_id == parent:
            return
        child = NewPromise(
            id=child_id,
            function="" if task else "f",
            canvas="{}" if task else "",
            parent=parent,
            tree=child_id.split(".")[0],
            timeout_ms=timeout_ms,
            delay_ms=delay_ms,
            digest=digest,
            mirror=mirror and not task,
            object="" if task else object,
            access=Access.EXCLUSIVE if object and not task else Access.SHARED,
        )
        cursor, entry = attempt.cursor, f">{child_id}"
        answer = self.held(attempt, lambda store, hold: spawn(store, hold, cursor, path, entry, child))
        attempt.cursor += isinstance(answer, Created)

    @rule(
        pick=picks,
        sizes=st.lists(st.integers(1, 3), min_size=1, max_size=2),
        on=st.lists(picks, min_size=6, max_size=6),
        timed=st.lists(st.sampled_from([0, 0, 0, 2_000, 7_000]), min_size=6, max_size=6),
        need=st.integers(1, 3),
        fail_fast=st.booleans(),
        peek=st.sampled_from([False, False, False, True]),
    )
    def suspend(
        self, pick: int, sizes: list[int], on: list[int], timed: list[int], need: int, *, fail_fast: bool, peek: bool
    ) -> None:
        attempt = self.attempt(pick)
        awaits = []
        for due_in, each in zip(timed, on, strict=True):
            promise_id = self.among(each, Phase.NONE, Phase.READY)
            known = promise_id in self.local._rows.by_id or each % 20 == 0
            if due_in or not known or promise_id == attempt.local.id:
                awaits.append(Await(f"at-{due_in}", due_at=attempt.now_ms + due_in))
            else:
                awaits.append(Await(f"on-{promise_id}", promise_id=promise_id))
        groups = [
            Group(tuple(awaits[3 * n : 3 * n + size]), min(need, size), fail_fast) for n, size in enumerate(sizes)
        ]
        self.held(attempt, lambda store, hold: store.suspend(hold, attempt.cursor, groups, peek=peek))

    @rule(pick=picks, outcome=outcomes, paths=st.lists(st.sampled_from(PATHS), max_size=1), changes=changes)
    def fulfil(self, pick: int, outcome: Outcome, paths: list[str], changes: list[Change]) -> None:
        attempt, entries = self.attempt(pick), [(path, "last") for path in paths]
        made = changes if self.local._rows.by_id[attempt.local.id].promise.object else []
        log = Lines(tuple(paths), 3, "") if entries else None
        self.held(attempt, lambda store, hold: store.fulfil(hold, attempt.cursor, outcome, entries, made, log))

    @rule(pick=picks, outcome=outcomes, key=st.sampled_from(["", "a", "b"]), strict=st.booleans())
    def settle(self, pick: int, outcome: Outcome, key: str, *, strict: bool) -> None:
        promise_id = self.among(pick, Phase.NONE)
        self.both(lambda store: store.settle(promise_id, outcome.state, outcome.value, key=key, strict=strict))

    @rule(pick=picks, running=st.sampled_from(["", "1 0 run step"]), wanted=seldom)
    def beat(self, pick: int, running: str, *, wanted: bool) -> None:
        if wanted:
            self.held(self.attempt(pick), lambda store, hold: store.beat([Beat(hold, running)]))

    @rule(limit=st.sampled_from([1, 100, 100]))
    def sweep(self, limit: int) -> None:
        self.both(lambda store: store.sweep(MAX, limit))

    @rule(pick=picks, holder=st.sampled_from(["n1/1", "n2/1"]))
    def crashed(self, pick: int, holder: str) -> None:
        promise_id = self.among(pick, Phase.ACQUIRED)
        self.both(lambda store: store.crashed(promise_id, holder, MAX, "killed"))

    @rule(node=st.sampled_from(["n1", "n2", "n"]), wanted=seldom)
    def lapse(self, node: str, *, wanted: bool) -> None:
        if wanted:
            self.both(lambda store: store.lapse(node, MAX, "gone"))

    @rule(pick=picks, said=st.sampled_from(["", '{"done":1}']), lines=st.integers(0, 4))
    def progress(self, pick: int, said: str, lines: int) -> None:
        self.told += 1
        log = Lines(tuple(f"line {n}" for n in range(lines)), 3, str(self.told)) if lines else None
        attempt = self.attempt(pick)
        self.held(attempt, lambda store, hold: store.progress(hold, said, log))
        self.both(lambda store: tuple(store.log(attempt.local.id)))

    @rule(pick=picks)
    def release(self, pick: int) -> None:
        self.held(self.attempt(pick), lambda store, hold: store.release(hold))

    @rule(pick=picks, wanted=seldom)
    def park(self, pick: int, *, wanted: bool) -> None:
        if wanted:
            self.held(self.attempt(pick), lambda store, hold: store.park(hold, "broken"))

    @rule(pick=picks)
    def resume(self, pick: int) -> None:
        promise_id = self.among(pick, Phase.PARKED)
        self.both(lambda store: store.resume(promise_id))

    @rule(promise_id=st.sampled_from(ALL), grace_ms=st.sampled_from([0, 5_000, 60_000]), wanted=seldom)
    def cancel(self, promise_id: str, grace_ms: int, *, wanted: bool) -> None:
        if wanted:
            self.both(lambda store: store.cancel(promise_id, grace_ms))

    @rule(pick=picks)
    def heed(self, pick: int) -> None:
        attempt = self.attempt(pick)
        self.held(attempt, lambda store, hold: store.heed(hold, attempt.cursor))

    @rule(promise_ids=st.lists(st.sampled_from(ALL), max_size=3), wanted=seldom)
    def mirrored(self, promise_ids: list[str], *, wanted: bool) -> None:
        if wanted:
            self.both(lambda store: store.mirrored(promise_ids))

    @rule(limit=st.sampled_from([1, 100]))
    def tend(self, limit: int) -> None:
        self.both(lambda store: store.tend(limit))

    @rule(pick=picks, sends=st.integers(1, 2))
    def sent(self, pick: int, sends: int) -> None:
        tended = self.local._rows.tend.all()
        promise_id = tended[pick % len(tended)] if tended and pick % 5 else ALL[pick % len(ALL)]
        if promise_id not in EXTERNALS:
            self.both(lambda store: store.sent(promise_id, sends))

    @rule()
    def census(self) -> None:
        self.both(lambda store: store.census()._asdict() | {"pending": sorted(store.census().pending.items())})

    @rule(
        prefix=st.sampled_from(["", "r", "r1"]),
        state=st.sampled_from([None, *State]),
        function=st.sampled_from(["", "f", "g"]),
        limit=st.sampled_from([1, 2, 100]),
    )
    def search(self, prefix: str, state: State | None, function: str, limit: int) -> None:
        functions = (function,) if function else ()
        found = self.both(lambda store: store.search(functions, state, prefix, limit=limit))
        if found.after:
            self.both(lambda store: store.search(functions, state, prefix, found.after, limit))

    @rule(object=st.sampled_from(["o1", "o2", *(f"w/{root}" for root in ROOTS)]))
    def state(self, object: str) -> None:
        self.both(lambda store: store.state(object))

    @rule(promise_id=st.sampled_from(ALL))
    def read(self, promise_id: str) -> None:
        self.both(lambda store: store.read(promise_id))


def _answer(verb: Callable[[Store], Any], store: Store) -> Any:
    try:
        return verb(store)
    except BaseException as error:
        if isinstance(error, redis.RedisError | AssertionError | KeyError | KeyboardInterrupt):
            raise
        return error


def _comparable(answer: Any) -> Any:
    """An answer without nonces, and with what has no order in order."""
    if isinstance(answer, BaseException):
        return type(answer), str(answer)
    if dataclasses.is_dataclass(answer) and not isinstance(answer, type):
        return type(answer), {each.name: _comparable(getattr(answer, each.name)) for each in dataclasses.fields(answer)}
    if isinstance(answer, tuple) and answer and type(answer[0]).__name__ == "Ready":
        return sorted((_comparable(row) for row in answer), key=str)
    if isinstance(answer, tuple):
        return [_comparable(part) for part in answer]
    return _NONCE.sub(r"\1", answer) if isinstance(answer, str) else answer


def _indexes_of_local(store: LocalStore) -> dict[str, dict[str, float]]:
    rows = store._rows
    return {
        "ready": {key: rows.ready._due[key] for key in rows.ready.all()},
        "lease": {key: rows.lease._due[key] for key in rows.lease.all()},
        "deadline": {key: rows.deadline._due[key] for key in rows.deadline.all()},
        "tend": {key: rows.tend._due[key] for key in rows.tend.all()},
        "timer": {"|".join(key): rows.timer._due[key] for key in rows.timer.all()},
    }


def _indexes_of_redis(store: RedisStore) -> dict[str, dict[str, float]]:
    client: Any = store.connection.client
    names = ("ready", "lease", "deadline", "tend", "timer")
    return {name: dict(client.zrange(store.prefix + name, 0, -1, withscores=True)) for name in names}
