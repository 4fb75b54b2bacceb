"""One attempt at work: the fenced writes, the threads of its local children, and the point where all of them wait."""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from durable_celery import telemetry
from durable_celery.clock import Clock
from durable_celery.codec import Codec
from durable_celery.errors import (
    ControlFlow,
    IdConflict,
    Interrupted,
    LeaseLost,
    Parking,
    PromiseNotFound,
    Released,
    Suspended,
)
from durable_celery.journal import Entry, Journal
from durable_celery.lease import Keeper, Lease
from durable_celery.op import Op, Tasks
from durable_celery.operations.run import LocalCall
from durable_celery.registry import Registry
from durable_celery.retry import NEVER, RetryPolicy
from durable_celery.store import Claimed, Created, NewPromise, Ready, Store

T = TypeVar("T")

#: A wait that ends within this time is sat out instead of suspended.
HOLD_MS = 1000
#: How often what arrived meanwhile is looked up while other threads of the attempt are busy.
PEEK_S = 0.5
#: The same while a short timer is sat out.
SHORT_PEEK_S = 0.1


class Attempt:
    """What operations act on. A *strand* is the body, or a local child begun on a thread of its own."""

    def __init__(
        self,
        claimed: Claimed,
        *,
        store: Store,
        codec: Codec,
        registry: Registry,
        keeper: Keeper,
        clock: Clock,
        publish: Callable[[Sequence[Ready]], None],
        draining: Callable[[], bool],
        retry: RetryPolicy = NEVER,
        dependencies: Mapping[str, Any] | None = None,
        tasks: Tasks | None = None,
    ) -> None:
        self.tasks = tasks
        self.retry = retry
        self.dependencies = dependencies or {}
        self.hold = claimed.hold
        self.journal = Journal(claimed.journal, claimed.cursor)
        self.codec = codec
        self.registry = registry
        self.lease: Lease | None = None
        self._store = store
        self._keeper = keeper
        self._clock = clock
        self._publish = publish
        self._draining = draining
        self._offset_ms = claimed.now_ms - clock.monotonic_ms()
        self._changed = threading.Condition(threading.RLock())
        self._closed: ControlFlow | None = None
        self._active = 1
        self._blocked: dict[int, Op[Any]] = {}
        self._running = 0
        self._put_off: deque[Op[Any]] = deque()

    def now_ms(self) -> int:
        """The store's clock, read at the claim and carried on by this machine's monotonic one."""
        return int(self._clock.monotonic_ms() + self._offset_ms)

    def find(self, op: Op[Any]) -> Entry | None:
        try:
            return self.journal.find(op.path, op.kind, op.name, op.where)
        except Parking as parking:
            self._close(parking)
            raise

    def admit(self) -> None:
        """Refuse to start work in an attempt that ended, lost its lease or should be handed over."""
        self.check_open()
        if self._draining():
            self._close(Released(self.hold.id))
            self.check_open()
        lease = self.lease
        if lease is not None and not self._fenced(lambda: self._keeper.confirm(lease)):
            self.lost()
            self.check_open()

    def check_open(self) -> None:
        """Raise what ended this attempt, if it has ended: a body cannot outlive its attempt by swallowing it."""
        if self._closed is not None:
            raise self._closed

    def lost(self) -> None:
        """The lease is somebody else's, or the promise is settled."""
        self._close(LeaseLost(self.hold.id))

    def checkpoint(self, path: str, entry: Entry) -> None:
        with self._changed:
            self._refuse_if_lost()
            asked_ms = self._clock.monotonic_ms()
            self._fenced(lambda: self._store.checkpoint(self.hold, self.journal.cursor, [(path, entry.encode())]))
            self.journal.add(path, entry)
        self._renewed(asked_ms)
        telemetry.emit(telemetry.STEP_RECORDED, id=self.hold.id, path=path, entry=entry)

    def spawn(self, path: str, entry: Entry, child: NewPromise) -> Created:
        with self._changed:
            self._refuse_if_lost()
            asked_ms = self._clock.monotonic_ms()
            created = self._fenced(
                lambda: self._store.spawn(self.hold, self.journal.cursor, path, entry.encode(), child)
            )
            self.journal.add(path, entry)
        self._renewed(asked_ms)
        if created.fresh and child.function and not child.delay_ms:
            p = created.promise
            self._publish([Ready(p.id, p.function, p.version, p.queue, p.priority, p.canvas)])
        return created

    def start(self, op: Op[Any]) -> None:
        assert isinstance(op, LocalCall)
        self.admit()
        with self._changed:
            self._active += 1
            self._running += 1
        run = contextvars.copy_context().run
        threading.Thread(target=run, args=(self._strand, op), name=f"durable-{op.step_id}", daemon=True).start()

    def later(self, op: Op[Any]) -> None:
        self.flush()
        self._put_off.append(op)

    def flush(self) -> None:
        while self._put_off:
            self._put_off.popleft().begin()

    def wait(self, op: Op[T]) -> T:
        self.flush()
        op.mark_awaited()
        self._mark(op)
        try:
            op.run()
        except ControlFlow as end:  # a body that swallows it must not get any further
            self._close(end)
            raise
        while not op.ready():
            self._block(op)
        return op.take()

    def end(self) -> None:
        """The execution was left: strands that still wait for something end as well."""
        self._close(Suspended(self.hold.id))

    def join(self) -> None:
        """Wait for the strands that still execute a step; blocked ones have nothing left to do."""
        with self._changed:
            while self._running > len(self._blocked):
                self._changed.wait()

    def _strand(self, op: LocalCall[Any]) -> None:
        try:
            op.execute()
        except ControlFlow as end:
            self._close(end)  # whoever waits for this strand is told by its own wait
        except BaseException as error:
            op.fail(error)
        finally:
            with self._changed:
                self._active -= 1
                self._running -= 1
                self._changed.notify_all()

    def _block(self, op: Op[Any]) -> None:
        """Sleep until something may have changed; the last strand to block suspends the execution."""
        with self._changed:
            self.check_open()
            if op.ready():
                return
            me = threading.get_ident()
            self._blocked[me] = op
            self._active -= 1
            try:
                if self._active == 0:
                    self._all_blocked()
                elif not self._changed.wait(timeout=PEEK_S):
                    self._peek(op)
            finally:
                self._active += 1
                del self._blocked[me]
                self._changed.notify_all()
            self.check_open()

    def _all_blocked(self) -> None:
        awaits = [awaited for op in self._blocked.values() for awaited in op.awaits()]
        if not awaits:  # a strand has just ended: whoever waits for it looks again
            return
        left_ms = min((a.due_at - self.now_ms() for a in awaits if a.due_at is not None), default=None)
        if left_ms is not None and left_ms <= HOLD_MS and not self._draining():
            self._sit_out(max(left_ms, 1) / 1000, peek=any(a.due_at is None for a in awaits))
            return
        groups = [group for op in self._blocked.values() if (group := op.group()).awaits]
        left = self._fenced(lambda: self._store.suspend(self.hold, self.journal.cursor, groups))
        if left.suspended:
            self._close(Suspended(self.hold.id))
        else:
            self.journal.deliver(left.delivered)

    def _sit_out(self, left_s: float, *, peek: bool) -> None:
        """Stay for a short timer; look from time to time for what else is waited for."""
        if not peek:
            self._changed.wait(timeout=left_s)
            return
        self._changed.wait(timeout=min(left_s, SHORT_PEEK_S))
        for op in tuple(self._blocked.values()):
            self._peek(op)

    def _peek(self, op: Op[Any]) -> None:
        group = op.group()
        if group.awaits:
            there = self._fenced(lambda: self._store.suspend(self.hold, self.journal.cursor, [group], peek=True))
            self.journal.deliver(there.delivered)

    def _fenced(self, call: Callable[[], T]) -> T:
        """A call to the store. What the body may see of its failures is what it asked for wrongly."""
        try:
            return call()
        except LeaseLost:
            self.lost()
            raise
        except (IdConflict, PromiseNotFound):
            raise
        except Exception as error:
            self._close(Interrupted(error))
            raise Interrupted(error) from error

    def _refuse_if_lost(self) -> None:
        if isinstance(self._closed, LeaseLost):
            raise self._closed

    def _close(self, why: ControlFlow) -> None:
        with self._changed:
            if self._closed is None or isinstance(why, LeaseLost):
                self._closed = why
            self._changed.notify_all()

    def _mark(self, op: Op[Any]) -> None:
        if self.lease is not None and op.path:
            self.lease.running_since_ms = self._clock.monotonic_ms()
            self.lease.running = f"{op.path} {self.now_ms()} {op.kind} {op.name}"

    def _renewed(self, asked_ms: float) -> None:
        """Counted from when it was asked for: the reply may have waited for a frozen process."""
        if self.lease is not None:
            self.lease.renewed_ms = asked_ms
