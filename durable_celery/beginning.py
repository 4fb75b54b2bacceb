"""How operations begin: at once, a moment later so that they can be told options, or many in one round trip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from durable_celery.clock import Clock
from durable_celery.fence import Fence
from durable_celery.journal import Entry
from durable_celery.op import Op, Spawning
from durable_celery.operations.rpc import RemoteCall

#: How many children are created in one round trip.
MOST_AT_ONCE = 100
#: How long one that is to begin waits for others to go with it, while the body makes operations.
PUT_OFF_MS = 20.0


class Beginning:
    """Begins the operations of one attempt; `find` looks one up in the journal, `admit` refuses to start work."""

    def __init__(
        self,
        fence: Fence,
        clock: Clock,
        find: Callable[[Op[Any]], Entry | None],
        admit: Callable[[], None],
    ) -> None:
        self._fence = fence
        self._clock = clock
        self._find = find
        self._admit = admit
        self._put_off: list[Op[Any]] = []
        self._put_off_ms = 0.0

    def later(self, op: Op[Any]) -> None:
        """Begin it before anything is waited for; remote children together, a local one when another is made."""
        now_ms = self._clock.monotonic_ms()
        alike = all(isinstance(each, RemoteCall) for each in (*self._put_off[-1:], op))
        if not alike or len(self._put_off) >= MOST_AT_ONCE or now_ms - self._put_off_ms > PUT_OFF_MS:
            self.flush()
        if not self._put_off:
            self._put_off_ms = now_ms
        self._put_off.append(op)

    def flush(self) -> None:
        """Begin what was put off."""
        if self._put_off:
            ops, self._put_off = self._put_off, []
            self.begin_all(ops)

    def begin_all(self, ops: Sequence[Op[Any]]) -> None:
        """Begin all; what is a remote child and not in the journal yet is created together."""
        fresh: list[RemoteCall[Any]] = []
        for op in ops:
            if op.begun or not isinstance(op, RemoteCall) or not op.creates:
                op.begin()
                continue
            op.begun = True
            entry = self._find(op)
            if entry is None:
                fresh.append(op)
            else:
                op.start(entry)
        self.spawn(fresh)

    def spawn(self, calls: Sequence[Spawning]) -> None:
        """Record new ones with the promises that they make."""
        for first in range(0, len(calls), MOST_AT_ONCE):
            some = calls[first : first + MOST_AT_ONCE]
            self._admit()
            for call, found in zip(some, self._fence.spawn([each.opened() for each in some]), strict=True):
                call.spawned(found)
