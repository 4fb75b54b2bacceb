"""Again: how a Durable goes on with what is parked, and tries again what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from durable_celery import ids
from durable_celery.forks import Forks
from durable_celery.handle import Handle
from durable_celery.promise import State
from durable_celery.store import Ready, Store


class Again:
    """The part of `Durable` that executes again what was executed before."""

    _forks: Forks

    @property
    def store(self) -> Store:
        raise NotImplementedError

    def resume(self, id: str) -> Handle[Any]:
        """Let a parked execution go on after its last checkpoint; one that failed is tried again by `retry`.

        Does nothing to one that is at work, or has succeeded.
        """
        promise = self.store.get(ids.check_any(id))
        if promise.is_execution and promise.state.settled and promise.state is not State.RESOLVED:
            return self.retry(id)
        self._publish(self.store.resume(id))
        return self._handle(id)

    def retry(self, id: str, from_step: int | str | None = None) -> Handle[Any]:
        """Execute it again from a step, the first that failed by default, under the id `<id>~2` (then `~3`).

        A settled promise never changes, and so what runs again is a fork; asked for
        twice it is made once. What a saga has undone is not done again: give it `from_step=1`.
        """
        return self.fork(id, from_step)

    def fork(
        self,
        id: str,
        from_step: int | str | None = None,
        new_id: str | None = None,
        *,
        version: int | None = None,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
    ) -> Handle[Any]:
        """A new execution that keeps what was recorded before `from_step`, and runs the rest.

        The step is its position in the body, from 1, or its id; steps that are not
        over run anew in any case. `version` takes another registered version of the
        function. It is called as the old one was, or with `args` and `kwargs` when either
        is given; steps that are kept are as they were, whatever they were computed from.
        Raises PromiseNotFound, IdConflict when `new_id` is taken, and what `Function.run`
        raises for arguments.
        """
        call = None if args is None and kwargs is None else (args or (), kwargs or {})
        return self._handle(self._forks.fork(id, from_step, new_id, version, call))

    def _publish(self, ready: Sequence[Ready]) -> None:
        raise NotImplementedError

    def _handle(self, promise_id: str, **said: Any) -> Handle[Any]:
        raise NotImplementedError
