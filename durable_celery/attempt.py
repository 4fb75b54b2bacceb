"""One attempt at work: the fenced writes, the threads of its local children, and the point where all of them wait."""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from durable_celery.beginning import Beginning
from durable_celery.cancellation import Cancellation
from durable_celery.clock import CarriedOn, Clock
from durable_celery.codec import Codec
from durable_celery.errors import (
    Abandoned,
    AlreadySettled,
    Cancelled,
    ControlFlow,
    HistoryTooLong,
    LeaseLost,
    Parking,
    Released,
    Suspended,
)
from durable_celery.fence import Fence
from durable_celery.journal import Entry, Journal
from durable_celery.lease import Keeper
from durable_celery.op import Op, Tasks
from durable_celery.operations.run import LocalCall
from durable_celery.promise import Outcome
from durable_celery.registry import Registry
from durable_celery.retry import NEVER, RetryPolicy
from durable_celery.state import State as ObjectState
from durable_celery.store import Change, Claimed, Ready, Store
from durable_celery.strands import HOLD_MS, PEEK_S, SHORT_PEEK_S, Strands, left_s
from durable_celery.unreadable import parking

logger = logging.getLogger("durable_celery")
T = TypeVar("T")


class Attempt:
    """What operations act on, from whichever of its strands."""

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
        max_entries: int,
        retry: RetryPolicy = NEVER,
        dependencies: Mapping[str, Any] | None = None,
        tasks: Tasks | None = None,
        cancel_grace_ms: int = 0,
    ) -> None:
        self.tasks = tasks
        self.publish = publish
        self.cancel_grace_ms = cancel_grace_ms
        self.retry = retry
        self.dependencies = dependencies or {}
        self.hold = claimed.hold
        self._function = claimed.promise.function
        self._max_entries = max_entries
        self.journal = Journal(claimed.journal, claimed.cursor)
        self.state = ObjectState(claimed.promise.access, claimed.state)
        self.codec = parking(codec, self._close)
        self.registry = registry
        self._keeper = keeper
        self._draining = draining
        time = CarriedOn(clock, claimed.now_ms)
        self.now_ms, self.passed = time.now_ms, time.passed
        lock = threading.RLock()
        #: What waiting strands are told at, and whoever waits until none is at work.
        self._changed, self._idle = threading.Condition(lock), threading.Condition(lock)
        self._closed: ControlFlow | None = None
        self._strands = Strands()
        self.fence = Fence(self.hold, self.journal, store, clock, publish, self._changed, self._close)
        beginning = Beginning(self.fence, clock, self.find, self.admit)
        self.spawn, self.begin_all = beginning.spawn, beginning.begin_all
        self.later, self.flush = beginning.later, beginning.flush
        self.cancellation = Cancellation(self.journal, asked=claimed.promise.cancel_at is not None)

    def find(self, op: Op[Any]) -> Entry | None:
        try:
            entry = self.journal.find(op.path, op.kind, op.name, op.where)
            if entry is None and self.journal.cursor >= self._max_entries and op.kind != "continue":
                raise Parking(HistoryTooLong(self._function, self.journal.cursor, op.where))
            return entry
        except Parking as parking:
            self._close(parking)
            raise

    def admit(self) -> None:
        """Refuse to start work in an attempt that ended, lost its lease or should be handed over."""
        self.check_open()
        if self._draining():
            self._close(Released(self.hold.id))
            self.check_open()
        lease = self.fence.lease
        if lease is not None and not self.fence.call(lambda: self._keeper.confirm(lease)):
            self.lost()
            self.check_open()

    def check_open(self) -> None:
        """Raise what ended this attempt, if it has ended: a body cannot outlive its attempt by swallowing it."""
        if self._closed is not None:
            raise self._closed

    def lost(self) -> None:
        """The lease is somebody else's, or the promise is settled."""
        self.fence.lose()

    def cancelled(self) -> None:
        """Somebody cancels the execution: its body is told at its next operation."""
        self.cancellation.asked = True

    def checkpoint(self, path: str, entry: Entry, changes: Sequence[Change] = ()) -> None:
        if self.fence.checkpoint(path, entry, changes):
            self.cancelled()

    def ask(self, question: Callable[[Store], T]) -> T:
        return self.fence.ask(question)

    def start(self, op: Op[Any]) -> None:
        assert isinstance(op, LocalCall)
        self.admit()
        with self._changed:
            self._strands.begin(op.path)
        run = contextvars.copy_context().run
        threading.Thread(target=run, args=(self._strand, op), name=f"durable-{op.step_id}", daemon=True).start()

    def progress(self, text: str, line: str = "") -> None:
        if not self.journal.replaying:
            self.fence.progress(text, line)

    def abandon(self, path: str) -> None:
        with self._changed:
            self._strands.abandon(path)
            self._changed.notify_all()
            self._idle.notify_all()

    def wait(self, op: Op[T]) -> T:
        self.flush()
        op.mark_awaited()
        if op.path:
            self.fence.mark(f"{op.path} {self.now_ms()} {op.kind} {op.name}")
        if self._strands.is_abandoned(op.key):
            raise Abandoned(op.key)
        try:
            return self._waited(op)
        except Abandoned:
            raise
        except ControlFlow as end:  # a body that swallows it must not get any further
            self._close(end)
            raise

    def _waited(self, op: Op[T]) -> T:
        if self.cancellation.recorded(op, self._strands.scope(op)):
            raise Cancelled(self.hold.id)
        if not op.begun:
            self._heed(op)
        op.run()
        while not op.ready():
            if op.awaits():
                self._heed(op)
            self._block(op, self._strands.scope(op), op.ready)
        try:
            return op.take()
        except (Cancelled, AlreadySettled):  # a child of it was cancelled before it
            self._heed(op, taken=True)
            raise

    def _heed(self, op: Op[Any], *, taken: bool = False) -> None:
        """Tell the scope of this operation that its execution is cancelled, if it is: after all below it."""
        scope = self._strands.scope(op)
        due = self.cancellation.due(op, scope)
        if due:
            self._outlast(scope)
            self.checkpoint(*self.cancellation.entry(op, scope, self.now_ms(), taken=taken))
        if due or (taken and self.cancellation.recorded(op, scope, taken=True)):
            raise Cancelled(self.hold.id)

    def outlast(self) -> None:
        """The body is over: when it is cancelled, strands that it leaves behind are told, and end before it does."""
        if self.cancellation.asked and self._some_within(""):
            self._outlast("")

    def _outlast(self, scope: str) -> None:
        """Wait until everything below this scope has ended: what is elsewhere, and the strands inside it."""
        while not self.cancellation.heeded or self._some_within(scope):
            self._block(None, scope, lambda: self.cancellation.heeded and not self._some_within(scope))

    def _some_within(self, scope: str) -> bool:
        with self._changed:
            return self._strands.some_within(scope)

    def end(self) -> None:
        """The execution was left: strands that still wait for something end as well."""
        self._close(Suspended(self.hold.id))

    def join(self) -> None:
        """Wait for the strands that still execute a step; blocked ones have nothing left to do."""
        with self._changed:
            while self._strands.some_at_work:
                self._idle.wait()

    def _strand(self, op: LocalCall[Any]) -> None:
        self._strands.enter(op.path)
        try:
            op.execute()
        except Abandoned:
            logger.info("%s ended after its time was up", op.step_id)
        except ControlFlow as end:
            self._close(end)  # whoever waits for this strand is told by its own wait
        except BaseException as error:
            op.fail(error)
        finally:
            with self._changed:
                self._strands.end(op.path)
                self._changed.notify_all()
                self._idle.notify_all()

    def _block(self, op: Op[Any] | None, scope: str, enough: Callable[[], bool]) -> None:
        """Sleep until something may have changed; the last strand to block suspends the execution."""
        with self._changed:
            self.check_open()
            if enough():
                return
            me = self._strands.here
            self._strands.wait(me, op, scope, enough)
            self._idle.notify_all()
            try:
                if self._strands.all_wait:
                    self._all_blocked(op, enough)
                elif not self._wait(left_s(op, self.now_ms(), PEEK_S), enough) and op is not None:
                    self._peek(op)
            finally:
                self._strands.resume(me)
            self.check_open()
            if self._strands.is_abandoned(me):
                raise Abandoned(me)

    def _all_blocked(self, op: Op[Any] | None, enough: Callable[[], bool]) -> None:
        if self.cancellation.asked and not self.cancellation.heeded:
            self.cancellation.heeded = self.fence.heed()
            if not self.cancellation.heeded:
                self._close(Suspended(self.hold.id))
            self._changed.notify_all()
            return
        groups = [group for each in self._strands.waiting for group in each.groups()]
        # After the groups: what became ready while they were made is missing there.
        if not groups or self._strands.some_can_go_on:
            self._wait(left_s(op, self.now_ms(), PEEK_S), enough)  # who can go on does when it has its turn
            return
        dues = [each.due_at for group in groups for each in group.awaits]
        left_ms = min((due_at - self.now_ms() for due_at in dues if due_at is not None), default=None)
        if left_ms is not None and left_ms <= HOLD_MS and not self._draining():
            self._sit_out(max(left_ms, 1) / 1000, peek=None in dues)
            return
        self.fence.say()
        left = self.fence.suspend(groups)
        if left.suspended:
            self._close(Suspended(self.hold.id))
        elif left.cancelled:
            self.cancelled()
        else:
            self._deliver(left.delivered)

    def _wait(self, timeout: float, enough: Callable[[], bool]) -> bool:
        """Until told, or in time; not at all when it became enough while the timeout was computed."""
        return enough() or self._changed.wait(timeout=timeout)

    def _sit_out(self, timeout: float, *, peek: bool) -> None:
        """Stay for a short timer; look from time to time for what else is waited for."""
        self._changed.wait(timeout=min(timeout, SHORT_PEEK_S) if peek else timeout)
        self._peek(*(self._strands.waiting if peek else ()))

    def _peek(self, *ops: Op[Any]) -> None:
        groups = [group for op in ops for group in op.groups()]
        if groups and self._closed is None:
            self._deliver(self.fence.suspend(groups, peek=True).delivered)

    def _deliver(self, there: Mapping[str, Outcome]) -> None:
        """Strands are told of what arrived, and of nothing else: two that wake each other never sleep."""
        if there:
            self.journal.deliver(there)
            self._changed.notify_all()

    def _close(self, why: ControlFlow) -> None:
        with self._changed:
            if self._closed is None or isinstance(why, LeaseLost):
                self._closed = why
            self._changed.notify_all()
