"""Handle: what the caller keeps of an execution or a promise."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Generator
from datetime import timedelta
from typing import Any, Generic, NoReturn, TypeVar

from durable_celery import clock
from durable_celery.clock import Clock, SystemClock
from durable_celery.codec import Codec
from durable_celery.errors import Parked
from durable_celery.following import Sight, follow
from durable_celery.lines import logged
from durable_celery.promise import Outcome, Phase, Promise, State
from durable_celery.steps import Step, steps_of
from durable_celery.store import Store

T = TypeVar("T")

#: Between two looks at the store while waiting; hints make it shorter.
_FIRST_LOOK_S, _LONGEST_LOOK_S = 0.05, 1.0


class Handle(Generic[T]):
    """One promise by its id: ask how it stands, wait for it, cancel it."""

    #: Without a `__dict__`, serialisers that walk one (FastAPI's) refuse a Handle and say what it is.
    __slots__ = ("__weakref__", "_cancel", "_clock", "_codec", "_store", "begun_as", "created", "id")

    def __init__(
        self,
        promise_id: str,
        *,
        store: Store,
        codec: Codec,
        cancel: Callable[..., object],
        created: bool = False,
        clock: Clock | None = None,
        begun_as: Promise | None = None,
    ) -> None:
        self.id = promise_id
        #: Whether the call that gave this handle started the execution; False when it attached to one.
        self.created = created
        #: The record that it began with, for who started it: a look at the store less.
        self.begun_as = begun_as
        self._store = store
        self._codec = codec
        self._cancel = cancel
        self._clock = clock or SystemClock()

    def __repr__(self) -> str:
        return f"<Handle of {self.id!r}; .result() waits for the value>"

    def promise(self) -> Promise:
        """The record as the store has it now."""
        return self._store.get(self.id)

    @property
    def state(self) -> State:
        """pending, resolved, rejected, rejected_canceled or rejected_timedout."""
        return self.promise().state

    @property
    def status(self) -> str:
        """One word for people: queued, running, suspended, parked, succeeded, failed, cancelled, timed_out."""
        return self.promise().status

    @property
    def function(self) -> str:
        """The registered name of the function; empty for an external promise."""
        return self.promise().function

    def done(self) -> bool:
        """Whether it is settled."""
        return self.state.settled

    def progress(self) -> dict[str, Any] | None:
        """What the body said last by `ctx.progress`: `done`, `total` and `note`; None when it said nothing."""
        said: dict[str, Any] | None = self._codec.decode(self.promise().progress)
        return said

    def log(self) -> list[dict[str, Any]]:
        """The last `durable_log_lines` of `ctx.logger`, each with `at` (epoch ms), `level`, `id` and `text`."""
        return [line for _, line in logged(self._store.log(self.id), self._codec.seal)]

    def steps(self) -> list[Step]:
        """What the execution has done so far, in order."""
        promise, journal = self._store.read(self.id)
        return steps_of(promise, journal, self._codec)

    def cancel(self, *, grace: float | timedelta | None = None) -> None:
        """Cancel it and everything below it, as `Durable.cancel` does; does nothing to one that is settled."""
        self._cancel(self.id, grace=grace)

    def result(self, timeout: float | timedelta | None = None) -> T:
        """Wait for the value, or raise what the function raised.

        Raises TimeoutError when it is not settled within `timeout` seconds,
        Cancelled or TimedOut when it ended so, Parked when nobody works on it
        any more, StoreUnavailable when the store does not answer.
        """
        changed = threading.Event()
        unwatch: Callable[[], None] | None = None
        until_ms = self._until(timeout)
        pause_s = _FIRST_LOOK_S
        try:
            while not self._there(promise := self._store.get(self.id)):
                if unwatch is None:
                    unwatch = self._store.watch(self.id, changed.set)
                    continue
                changed.wait(self._pause(until_ms, pause_s, promise))
                changed.clear()
                pause_s = min(pause_s * 2, _LONGEST_LOOK_S)
        finally:
            if unwatch is not None:
                unwatch()
        return self._value(promise)

    def __await__(self) -> Generator[Any, None, T]:
        return self.wait().__await__()

    async def wait(self, timeout: float | timedelta | None = None) -> T:
        """`result` for event loops: no thread is held while it waits."""
        until_ms = self._until(timeout)
        async with follow(self._store, self.id) as followed:
            sight = await followed.after(followed.refresh())
            while not self._there(promise := _known(sight)):
                left_s = None if until_ms is None else self._pause(until_ms, math.inf, promise)
                try:
                    sight = await followed.after(sight.number, left_s)
                except TimeoutError:
                    continue
        return self._value(promise)

    def _until(self, timeout: float | timedelta | None) -> float | None:
        return None if timeout is None else self._clock.monotonic_ms() + clock.to_ms(timeout)

    def _pause(self, until_ms: float | None, pause_s: float, promise: Promise) -> float:
        if until_ms is None:
            return pause_s
        left_s = (until_ms - self._clock.monotonic_ms()) / 1000
        if left_s <= 0:
            raise TimeoutError(f"{self.id!r} is not settled in the time given; it is {promise.status}")
        return min(pause_s, left_s)

    def _there(self, promise: Promise) -> bool:
        if promise.phase is Phase.PARKED and not promise.state.settled:
            raise Parked(self.id, promise.reason)
        return promise.state.settled

    def _value(self, promise: Promise) -> T:
        value: T = self._codec.unwrap(Outcome(promise.state, promise.value), self.id)
        return value


def _known(sight: Sight) -> Promise:
    assert sight.promise is not None
    return sight.promise


def _refuse(name: str) -> Callable[..., NoReturn]:
    def refused(self: Handle[Any], *_: object) -> NoReturn:
        raise TypeError(
            f"this is a Handle of {self.id!r}, not the value (asked for {name}): "
            "write .result() on it, or start with .call(…), which gives the value"
        )

    refused.__name__ = name
    return refused


_OF_VALUES = (
    *("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "mod", "rmod", "neg"),
    *("lt", "le", "gt", "ge", "int", "float", "index", "len", "iter", "getitem", "contains", "call", "html"),
)
for _name in _OF_VALUES:
    setattr(Handle, f"__{_name}__", _refuse(f"__{_name}__"))
