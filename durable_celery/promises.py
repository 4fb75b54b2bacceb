"""durable.promises: promises by hand, for whoever stands outside a body."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from durable_celery import clock, ids
from durable_celery.codec import Codec
from durable_celery.errors import AlreadyExists, AlreadySettled, Rejected
from durable_celery.looking import SEARCH_PAGE, Found
from durable_celery.newpromise import NewPromise
from durable_celery.promise import Promise, State
from durable_celery.settings import Settings
from durable_celery.store import Creation, Ready, Store

logger = logging.getLogger("durable_celery")


class Promises:
    """Create, look at, and settle promises.

    The first settlement wins. Whoever comes later is told by AlreadySettled,
    unless it gives the same idempotency key as the first (`strict` asks for the
    same state too).
    """

    def __init__(
        self,
        *,
        store: Callable[[], Store],
        codec: Codec,
        settings: Callable[[], Settings],
        publish: Callable[[Sequence[Ready]], None],
    ) -> None:
        self._store = store
        self._codec = codec
        self._settings = settings
        self._publish = publish

    def create(
        self,
        id: str,
        *,
        timeout: float | timedelta | None = None,
        data: Any = None,
        tags: dict[str, str] | None = None,
        idempotency_key: str | None = None,
        strict: bool = False,
    ) -> Promise:
        """A pending external promise. Raises AlreadyExists unless it was created with the same key."""
        created = self._store().create(
            NewPromise(
                id=ids.check_root(id),
                args=self._codec.encode(data, "the data of a promise") if data is not None else "",
                key=idempotency_key or "",
                timeout_ms=None if timeout is None else clock.to_ms(timeout),
                tags=self._codec.encode(tags, "tags") if tags else "",
                retention_ms=self._settings().retention_ms,
            ),
            strict=strict,
        )
        if created.how is Creation.EXISTS:
            raise AlreadyExists(id, created.promise.state)
        return created.promise

    def get(self, id: str) -> Promise:
        """The record; raises PromiseNotFound."""
        return self._store().get(ids.check_any(id))

    def search(
        self,
        function: str = "",
        state: State | str | None = None,
        prefix: str = "",
        after: str = "",
        limit: int = SEARCH_PAGE,
    ) -> Found:
        """The executions at the roots of their trees, newest first; `after` of one page asks for the next.

        Records come without their payloads: `get` has them. Raises ValueError for a state there is not.
        """
        functions = (function,) if function else ()
        return self._store().search(functions, None if state is None else State(state), prefix, after, limit)

    def resolve(
        self, id: str, value: Any = None, *, idempotency_key: str | None = None, strict: bool = False
    ) -> Promise:
        """Settle it with a value. Raises PromiseNotFound, AlreadySettled, or NotExternal for an execution."""
        payload = self._codec.encode(value, f"the value of promise {id!r}")
        return self._settle(id, State.RESOLVED, payload, idempotency_key, strict)

    def reject(
        self, id: str, error: Any = None, *, idempotency_key: str | None = None, strict: bool = False
    ) -> Promise:
        """Settle it with an error: an exception, or a message. Raises as `resolve` does."""
        if not isinstance(error, BaseException):
            error = Rejected(error if error is not None else "rejected")
        return self._settle(id, State.REJECTED, self._codec.failure(error).value, idempotency_key, strict)

    def cancel(self, id: str, *, grace: float | timedelta | None = 0) -> Promise:
        """Cancel a promise or an execution with everything below it; without a `grace` it is settled at once.

        Raises AlreadySettled when it ended in another way.
        """
        how, promise = self._cancel(id, grace)
        if how is Creation.EXISTS and promise.state is not State.CANCELED:
            raise AlreadySettled(id, promise.state)
        return promise

    def request_cancel(self, id: str, grace: float | timedelta | None = None) -> None:
        """The same for whoever does not mind that it has ended; the default grace is `durable_cancel_grace`."""
        self._cancel(id, grace)

    def _cancel(self, id: str, grace: float | timedelta | None) -> tuple[Creation, Promise]:
        grace_ms = self._settings().cancel_grace_ms if grace is None else clock.to_ms(grace)
        how, promise, ready = self._store().cancel(ids.check_any(id), grace_ms)
        self._hint(ready)
        return how, promise

    def _settle(self, id: str, state: State, payload: str, key: str | None, strict: bool) -> Promise:
        how, promise, ready = self._store().settle(ids.check_any(id), state, payload, key=key or "", strict=strict)
        self._hint(ready)
        if how is Creation.EXISTS:
            raise AlreadySettled(id, promise.state)
        return promise

    def _hint(self, ready: Sequence[Ready]) -> None:
        """Say who became ready. It is settled by now, so that a failure here costs time only."""
        try:
            self._publish(ready)
        except Exception as error:
            logger.warning("could not publish %s now, a sweep will: %s", [row.id for row in ready], error)
