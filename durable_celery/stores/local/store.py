"""LocalStore: the same verbs and the same answers, in this process's memory, under one lock.

For tests, and for programs that want the model without a server.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence

from durable_celery.errors import LeaseLost, NotExternal, PromiseNotFound
from durable_celery.looking import Lines
from durable_celery.newpromise import NewPromise
from durable_celery.presence import Alone
from durable_celery.promise import Access, Outcome, Phase, Promise, State
from durable_celery.store import (
    Beat,
    Birth,
    Born,
    Change,
    Claimed,
    Created,
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
from durable_celery.stores.local import cancelling, spawning, sweeping, tending, waiting
from durable_celery.stores.local.resealing import LocalResealing
from durable_celery.tending import Tended


class LocalStore(LocalResealing):
    """Promises in memory. `clock` is injected for tests."""

    #: Memory is lost as a whole, and its process with it.
    rollbacks = 0

    def check(self) -> None:
        """Memory needs no settings."""

    def create(self, new: NewPromise, *, strict: bool = False, journal: Sequence[tuple[str, str]] = ()) -> Created:
        with self._verb() as rows:
            state = rows.live(new.id)
            if state is None:
                return Created(Creation.FRESH, spawning.create(rows, new, journal).promise)
            found = rows.by_id[new.id].promise
            same = new.key != "" and found.key_for_create == new.key
            dedup = same and (state is State.PENDING or not strict)
            return Created(Creation.DEDUPLICATED if dedup else Creation.EXISTS, found)

    def claim(self, promise_id: str, worker: str, lease_ms: int) -> Claimed | Refused:
        with self._verb() as rows:
            state = rows.live(promise_id)
            if state is None:
                return Refused(Refusal.ABSENT, None)
            row = rows.by_id[promise_id]
            found = row.promise
            if state is not State.PENDING:
                return Refused(Refusal.SETTLED, found)
            if found.phase is not Phase.READY or (found.not_before_at or 0) > rows.now:
                return Refused(Refusal.NOT_READY, found)
            if not rows.turn(row):
                return Refused(Refusal.NOT_READY, row.promise)
            started_at = found.started_at or rows.now
            row.set(phase=Phase.ACQUIRED, holder=worker, attempt=found.attempt + 1, started_at=started_at)
            row.token = f"{row.promise.attempt}:{secrets.token_hex(6)}"
            rows.ready.drop(promise_id)
            rows.lease.set(promise_id, rows.now + lease_ms)
            hold = Hold(promise_id, row.token, lease_ms)
            of_object = rows.objects.state(found.object) if found.access is Access.EXCLUSIVE else {}
            return Claimed(hold, row.promise, dict(row.journal), row.cursor, rows.now, of_object)

    def checkpoint(
        self,
        hold: Hold,
        cursor: int,
        entries: Sequence[tuple[str, str]],
        changes: Sequence[Change] = (),
        log: Lines | None = None,
    ) -> bool:
        with self._verb() as rows:
            row = rows.held(hold.id, hold.token)
            if entries and row.cursor == cursor + len(entries) and entries[0][0] in row.journal:
                return row.promise.cancel_at is not None  # the reply was lost
            row = rows.held(hold.id, hold.token, cursor)
            rows.write(row, list(entries))
            rows.objects.alter(row.promise.object, changes)
            row.write_log(log)
            rows.lease.set(hold.id, rows.now + hold.lease_ms)
            return row.promise.cancel_at is not None

    def spawn(self, hold: Hold, cursor: int, births: Sequence[Birth]) -> list[Born]:
        found: list[Born] = []
        for birth in births:
            with self._verb() as rows:
                found.append(spawning.spawn(rows, hold, cursor, birth))
            cursor += isinstance(found[-1], Created)
        return found

    def suspend(self, hold: Hold, cursor: int, groups: Sequence[Group], *, peek: bool = False) -> Suspension:
        check_groups(groups)
        with self._verb() as rows:
            row = rows.own(hold.id, hold.token)
            if row.promise.phase is not Phase.ACQUIRED:
                return Suspension(True)  # the reply was lost
            row = rows.held(hold.id, hold.token, cursor)
            if row.promise.cancel_at is not None and not row.told and not peek:
                return Suspension(False, cancelled=True)
            found = waiting.look(rows, row, groups)
            if found.complete or peek:
                return Suspension(False, found.there)
            waiting.leave(rows, row, found)
            return Suspension(True)

    def fulfil(
        self,
        hold: Hold,
        cursor: int,
        outcome: Outcome,
        entries: Sequence[tuple[str, str]] = (),
        changes: Sequence[Change] = (),
        log: Lines | None = None,
    ) -> tuple[Ready, ...]:
        with self._verb() as rows:
            if rows.live(hold.id) is outcome.state and rows.by_id[hold.id].token == hold.token:
                return ()  # the reply was lost
            row = rows.held(hold.id, hold.token, cursor)
            rows.fulfilling = hold.id
            rows.write(row, list(entries))
            rows.objects.alter(row.promise.object, changes)
            row.write_log(log)
            rows.settle(row, outcome.state, outcome.value)
            return rows.publishable()

    def settle(
        self, promise_id: str, state: State, value: str, *, key: str = "", strict: bool = False
    ) -> tuple[Creation, Promise, tuple[Ready, ...]]:
        check_settleable(state)
        with self._verb() as rows:
            current = rows.live(promise_id)
            if current is None:
                raise PromiseNotFound(promise_id)
            row = rows.by_id[promise_id]
            if row.promise.phase is not Phase.NONE:
                raise NotExternal(promise_id)
            how = Creation.EXISTS
            if current is State.PENDING:
                row.set(key_for_settle=key)
                rows.settle(row, state, value)
                how = Creation.FRESH
            elif current is State.TIMEDOUT:
                how = Creation.EXISTS if strict else Creation.DEDUPLICATED
            elif key and row.promise.key_for_settle == key and (not strict or current is state):
                how = Creation.DEDUPLICATED
            return how, row.promise, rows.publishable()

    def cancel(self, promise_id: str, grace_ms: int = 0) -> tuple[Creation, Promise, tuple[Ready, ...]]:
        with self._verb() as rows:
            state = rows.live(promise_id)
            if state is None:
                raise PromiseNotFound(promise_id)
            row = rows.by_id[promise_id]
            if state is not State.PENDING:
                return Creation.EXISTS, row.promise, rows.publishable()
            return cancelling.cancel(rows, row, grace_ms), row.promise, rows.publishable()

    def heed(self, hold: Hold, cursor: int) -> bool:
        with self._verb() as rows:
            row = rows.own(hold.id, hold.token)
            if row.promise.phase is not Phase.ACQUIRED:
                return False  # the reply was lost
            row = rows.held(hold.id, hold.token, cursor)
            if not rows.kept(row):
                row.told = True
                return True
            waiting.leave(rows, row, waiting.Look())
            return False

    def beat(self, beats: Sequence[Beat]) -> Pulse:
        with self._verb() as rows:
            lost, cancelled = set(), set()
            for beat in beats:
                try:
                    row = rows.held(beat.hold.id, beat.hold.token)
                except LeaseLost:
                    lost.add(beat.hold.id)
                    continue
                rows.lease.set(beat.hold.id, rows.now + beat.hold.lease_ms)
                if beat.running:
                    row.set(running=beat.running)
                if row.promise.cancel_at is not None:
                    cancelled.add(beat.hold.id)
            return Pulse(frozenset(lost), frozenset(cancelled))

    def sweep(self, max_attempts: int, limit: int = 100) -> Sweep:
        with self._verb() as rows:
            sweeping.apply_due(rows, max_attempts, limit)
            indexes = (rows.deadline, rows.timer, rows.lease, rows.ready)
            soonest = min((at for index in indexes if (at := index.soonest()) is not None), default=None)
            next_due_ms = None if soonest is None else max(0, soonest - rows.now)
            return Sweep(rows.publishable(), len(rows.ready), next_due_ms, tuple(rows.parked))

    def crashed(self, promise_id: str, holder: str, max_attempts: int, reason: str) -> tuple[Ready, ...]:
        with self._verb() as rows:
            if rows.live(promise_id) is State.PENDING:
                row = rows.by_id[promise_id]
                if row.promise.phase is Phase.ACQUIRED and row.promise.holder == holder:
                    rows.lapse(row, max_attempts, reason)
                elif row.promise.phase is Phase.READY and (row.promise.not_before_at or 0) <= rows.now:
                    rows.wake(row)
            return rows.publishable()

    def lapse(self, node: str, max_attempts: int, reason: str) -> tuple[Ready, ...]:
        with self._verb() as rows:
            for promise_id in rows.lease.all():
                row = rows.by_id[promise_id]
                if (row.promise.holder or "").startswith(node + "/") and rows.live(promise_id) is State.PENDING:
                    rows.lapse(row, max_attempts, reason)
            return rows.publishable()

    def release(self, hold: Hold) -> tuple[Ready, ...]:
        with self._verb() as rows:
            row = rows.held(hold.id, hold.token)
            rows.unhold(row)
            rows.wake(row)
            return rows.publishable()

    def park(self, hold: Hold, reason: str) -> None:
        with self._verb() as rows:
            row = rows.held(hold.id, hold.token)
            rows.unhold(row)
            row.set(phase=Phase.PARKED, reason=reason)
            rows.notices.append(hold.id)

    def progress(self, hold: Hold, progress: str, log: Lines | None = None) -> None:
        with self._verb() as rows:
            row = rows.held(hold.id, hold.token)
            row.set(progress=progress or row.promise.progress)
            row.write_log(log)

    def resume(self, promise_id: str) -> tuple[Ready, ...]:
        with self._verb() as rows:
            row = rows.known(promise_id)
            if row.promise.state is State.PENDING and row.promise.phase is Phase.PARKED:
                row.set(crashes=0, reason="")
                rows.wake(row)
            return rows.publishable()

    def mirrored(self, promise_ids: Iterable[str]) -> None:
        with self._verb() as rows:
            rows.mirrored(promise_ids)

    def tend(self, limit: int = 100) -> Tended:
        with self._verb() as rows:
            return Tended(rows.now, tuple(tending.look(rows, limit)))

    def sent(self, promise_id: str, sends: int) -> None:
        with self._verb() as rows:
            tending.sent(rows, promise_id, sends)

    def presence(self, node: str) -> Alone:
        return Alone()

    def close(self) -> None:
        """Nothing to give back."""
