"""What LocalStore keeps, and the rules that several verbs share.

The counterpart of `redis/lua/rules/`: same names, same order of events.
Everything here runs inside one verb, under the store's lock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from heapq import heappop, heappush

from durable_celery import ids
from durable_celery.errors import LeaseLost, PromiseNotFound
from durable_celery.newpromise import NewPromise
from durable_celery.promise import Access, Outcome, Phase, Promise, State
from durable_celery.store import GRACE_MS, Ready
from durable_celery.stores.local.index import Index
from durable_celery.stores.local.objects import Objects
from durable_celery.stores.local.records import delivery, record
from durable_celery.stores.local.row import Registration, Row
from durable_celery.stores.local.tombstones import Tombstones


class Rows:
    """All rows, what of them is due when, and what the running verb has done so far."""

    def __init__(self) -> None:
        self.by_id: dict[str, Row] = {}
        self.trees: dict[str, dict[str, None]] = {}
        self.deadline: Index[str] = Index()
        self.lease: Index[str] = Index()
        self.ready: Index[str] = Index()
        self.timer: Index[tuple[str, str]] = Index()
        self.tend: Index[str] = Index()
        self.objects = Objects()
        self.tombstones = Tombstones()
        self._expiring: list[tuple[int, str]] = []
        self.begin(0)

    def begin(self, now: int) -> None:
        """A verb starts, at this instant."""
        self.now = now
        self.woken: list[str] = []
        self.parked: list[str] = []
        self.notices: list[str] = []
        self.fulfilling = ""
        while self._expiring and self._expiring[0][0] <= now:
            at, promise_id = heappop(self._expiring)
            row = self.by_id.get(promise_id)
            if row is not None and row.expires_at == at:
                self._forget(promise_id, row)
                if row.new.tombstone_ms and row.promise.tree == promise_id:
                    self.tombstones.set(promise_id, row.new.function, at + row.new.tombstone_ms)
        self.tombstones.trim(now)

    def live(self, promise_id: str) -> State | None:
        """The state after a passed deadline was applied; None when there is no such promise."""
        row = self.by_id.get(promise_id)
        if row is None:
            return None
        if row.promise.state is State.PENDING and self.past(row):
            self.settle(row, verdict(row), "", at=row.promise.deadline_at)
        return row.promise.state

    def known(self, promise_id: str) -> Row:
        """The row after a passed deadline was applied; raises PromiseNotFound."""
        if self.live(promise_id) is None:
            raise PromiseNotFound(promise_id)
        return self.by_id[promise_id]

    def pending(self) -> Counter[str]:
        """How many executions are pending, by function."""
        return Counter(row.new.function for row in self.by_id.values() if row.new.function and not _over(row))

    def past(self, row: Row) -> bool:
        return row.promise.deadline_at is not None and row.promise.deadline_at <= self.now

    def projected(self, row: Row) -> Promise:
        """The record as it reads: a passed deadline shows, although no verb has applied it yet."""
        found = row.promise
        if found.state.settled or not self.past(row):
            return found
        phase = Phase.NONE if found.phase is Phase.NONE else Phase.DONE
        return replace(found, state=verdict(row), settled_at=found.deadline_at, phase=phase, holder=None, running="")

    def own(self, promise_id: str, token: str) -> Row:
        """The pending row whose token this is; raises LeaseLost."""
        if self.live(promise_id) is not State.PENDING or self.by_id[promise_id].token != token:
            raise LeaseLost(promise_id)
        return self.by_id[promise_id]

    def held(self, promise_id: str, token: str, cursor: int | None = None) -> Row:
        """The row that this token holds, with its journal at this cursor; raises LeaseLost."""
        row = self.own(promise_id, token)
        if row.promise.phase is not Phase.ACQUIRED or (cursor is not None and row.cursor != cursor):
            raise LeaseLost(promise_id)
        return row

    def birth(self, new: NewPromise, latest: int | None = None, journal: Sequence[tuple[str, str]] = ()) -> Row:
        """A new row; its deadline is not later than `latest`."""
        wanted = None if new.timeout_ms is None else self.now + new.timeout_ms
        deadline_at = min((at for at in (latest, wanted) if at is not None), default=None)
        not_before_at = self.now + new.delay_ms if (new.function or new.canvas) and new.delay_ms > 0 else None
        row = self.by_id[new.id] = Row(record(new, self.now, deadline_at, not_before_at), new)
        row.journal.update(journal)
        row.cursor = sum(not path.endswith("!") for path, _ in journal)
        if deadline_at is not None:
            self.deadline.set(new.id, deadline_at)
        self.trees.setdefault(row.promise.tree, {})[new.id] = None
        parent = self.parent_of(row)
        if parent is not None:
            parent.pending += 1
        if new.function and (not_before_at or self.turn(row)):
            self.ready.set(new.id, not_before_at or self.now + GRACE_MS)
        elif new.canvas:
            self.tend.set(new.id, self.now + max(new.delay_ms, GRACE_MS))
        self.live(new.id)
        return row

    def turn(self, row: Row) -> bool:
        """Whether it is this call's turn at its object; an exclusive one that is not in its mailbox yet enters it."""
        mine = row.promise.access is not Access.EXCLUSIVE or self.objects.turn(row.promise)
        if not mine:
            row.set(phase=Phase.QUEUED)
            self.ready.drop(row.promise.id)
        return mine

    def write(self, row: Row, entries: list[tuple[str, str]]) -> None:
        """Entries at their paths, once; progress forgives crashes."""
        for path, entry in entries:
            row.journal.setdefault(path, entry)
        row.cursor += len(entries)
        if entries:
            row.set(crashes=0)

    def wake(self, row: Row) -> None:
        row.set(phase=Phase.READY)
        row.published = 0
        self.ready.set(row.promise.id, self.now + GRACE_MS)
        self.woken.append(row.promise.id)

    def unhold(self, row: Row) -> None:
        """The lease has ended, its token is worth nothing."""
        row.token = ""
        row.set(holder=None, running="")
        self.lease.drop(row.promise.id)

    def disarm(self, row: Row) -> None:
        for path in row.timers:
            self.timer.drop((row.promise.id, path))
        row.timers.clear()

    def deliver(self, awaiter: str, path: str, how: Registration, outcome: Outcome) -> None:
        """Put an outcome into the journal of who waits for it; wake it when a group of its is complete."""
        row = self.by_id.get(awaiter)
        if row is None or row.promise.state is not State.PENDING:
            return
        if self.past(row):
            self.live(awaiter)
            return
        if path + "!" in row.journal:
            return
        row.journal[path + "!"] = delivery(outcome)
        if row.promise.phase is not Phase.SUSPENDED or row.promise.attempt != how.epoch:
            return
        complete = False
        for group, fail_fast in how.groups:
            row.left[group] -= 1
            complete = complete or row.left[group] <= 0 or (fail_fast and not outcome.resolved)
        if complete and not self.kept(row):
            self.wake(row)

    def kept(self, row: Row) -> bool:
        """Whether a cancelled execution has to wait for what is below it before its body may be told."""
        return row.promise.cancel_at is not None and not row.told and row.pending > 0

    def tell(self, row: Row) -> None:
        """Wake one that is cancelled and was not told yet, when nothing below it is pending any more."""
        cancelled = row.promise.cancel_at is not None and not row.told
        if row.promise.phase is Phase.SUSPENDED and cancelled and not self.kept(row):
            self.wake(row)

    def parent_of(self, row: Row) -> Row | None:
        """The row that counts this one as a child: its parent in the same tree, if it is an execution itself."""
        alone = row.promise.tree == row.promise.id or not row.new.function
        return None if alone else self.by_id.get(row.promise.parent)

    def settle(self, row: Row, state: State, value: str, at: int | None = None) -> None:
        """The one transition out of pending."""
        promise_id = row.promise.id
        phase = Phase.NONE if row.promise.phase is Phase.NONE else Phase.DONE
        settled_at = self.now if at is None else at
        row.set(state=state, value=value, settled_at=settled_at, phase=phase, holder=None, running="")
        if promise_id != self.fulfilling:  # what its holder may still send did not settle it
            row.token = ""
        row.published = 0
        self.lease.drop(promise_id)
        self.deadline.drop(promise_id)
        self.ready.drop(promise_id)
        if row.new.mirror:
            self.ready.set(promise_id, self.now + GRACE_MS)
            if promise_id != self.fulfilling:
                self.woken.append(promise_id)
        if promise_id in self.tend:
            if state in (State.CANCELED, State.TIMEDOUT):
                self.tend.set(promise_id, self.now)
            else:
                self.tend.drop(promise_id)
        self.disarm(row)
        following = self.objects.leave(row.promise)
        if following is not None:
            self.wake(self.by_id[following])
        self.notices.append(promise_id)
        awaiters, row.awaiters = row.awaiters, {}
        self._expire(row)
        parent = self.parent_of(row)
        if parent is not None:
            parent.pending -= 1
        for (awaiter, path), how in awaiters.items():
            self.deliver(awaiter, path, how, Outcome(state, value))
        if parent is not None:
            self.tell(parent)

    def lapse(self, row: Row, max_attempts: int, reason: str) -> None:
        """A lease that ended without its holder saying so."""
        crashes = row.promise.crashes + 1
        self.unhold(row)
        row.set(crashes=crashes, reason=reason)
        if crashes < max_attempts:
            self.wake(row)
            return
        reason = f"{crashes} attempts in a row ended without progress; the last: {reason}"
        row.set(phase=Phase.PARKED, reason=reason)
        self.notices.append(row.promise.id)
        self.parked.append(row.promise.id)

    def mirrored(self, promise_ids: Iterable[str]) -> None:
        """The outcomes of these were told to Celery."""
        for promise_id in promise_ids:
            row = self.by_id.get(promise_id)
            if row is not None and row.promise.phase is Phase.DONE:
                self.ready.drop(promise_id)
                row.set(mirrored=True)

    def family(self, promise_id: str) -> list[str]:
        """A promise and all below it in its tree, parents before their children."""
        children: dict[str, list[str]] = {}
        for member in self.trees.get(self.by_id[promise_id].promise.tree, ()):
            parent = self.by_id[member].promise.parent or ids.parent_of(member) or ""
            children.setdefault(parent, []).append(member)
        found = [promise_id]
        for member in found:
            found.extend(children.get(member, ()))
        return found

    def publishable(self) -> tuple[Ready, ...]:
        """What a publisher needs to know of every id that became ready."""
        rows = (self.by_id[promise_id].promise for promise_id in dict.fromkeys(self.woken))
        return tuple(Ready(p.id, p.function, p.version, p.queue, p.priority, p.canvas, p.attempt) for p in rows)

    def _expire(self, row: Row) -> None:
        """A settled tree lives as long as its root, and so do external promises that nobody waits for."""
        tree = row.promise.tree
        root = self.by_id.get(tree)
        if root is not None and root.promise.state is State.PENDING:
            return
        at = self.now + max(row.new.retention_ms, GRACE_MS)
        members = list(self.trees[tree]) if row is root else [row.promise.id]
        for member in members:
            other = self.by_id[member]
            idle = not (other.new.function or other.new.canvas or other.awaiters)
            if other.promise.state.settled or idle:
                other.expires_at = at
                heappush(self._expiring, (at, member))

    def _forget(self, promise_id: str, row: Row) -> None:
        del self.by_id[promise_id]
        for index in (self.ready, self.tend, self.deadline):
            index.drop(promise_id)
        if row.promise.access is Access.OWNER:
            self.objects.forget(row.promise.object)
        members = self.trees[row.promise.tree]
        del members[promise_id]
        if not members:
            del self.trees[row.promise.tree]


def _over(row: Row) -> bool:
    return row.promise.state.settled


def verdict(row: Row) -> State:
    """What a passed deadline makes of a promise; one that a cancellation set is where its grace ends."""
    if row.promise.cancel_at == row.promise.deadline_at:
        return State.CANCELED
    return State.RESOLVED if row.new.timer else State.TIMEDOUT
