"""Caller: the client of programs that wait with a thread, whatever carries its calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from datetime import timedelta
from typing import Any, Generic, Protocol, Self, TypeVar, overload

from durable_celery.calling.proxies import Carrier
from durable_celery.calling.request import Request, request_of
from durable_celery.handler import Handler, handler_of

A = TypeVar("A")
R = TypeVar("R")
Time = float | timedelta | None


class Transport(Protocol):
    """What carries calls to where they are accepted. What comes back is an exception or a converted value."""

    def call(self, request: Request, timeout: Time) -> Any: ...
    def send(self, request: Request) -> tuple[str, bool]: ...
    def result(self, invocation_id: str, handler: Handler | None, timeout: Time) -> Any: ...
    def status(self, invocation_id: str) -> str: ...
    def cancel(self, invocation_id: str) -> None: ...
    def resolve(self, awakeable_id: str, value: Any) -> None: ...
    def reject(self, awakeable_id: str, reason: str) -> None: ...
    def close(self) -> None: ...


class Invocation(Generic[R]):
    """A call that was sent, by its id."""

    __slots__ = ("_handler", "_transport", "created", "id")

    def __init__(self, id: str, transport: Transport, handler: Handler | None = None, *, created: bool = False) -> None:
        self.id = id
        #: Whether the call that gave this one started it; False when it attached to one.
        self.created = created
        self._transport = transport
        self._handler = handler

    def __repr__(self) -> str:
        return f"<invocation {self.id!r}; .result() waits for the value>"

    def result(self, timeout: Time = None) -> R:
        """Wait for the value, at most `timeout` (seconds or timedelta), or raise what the handler raised.

        Raises TimeoutError when it is not over by then, Cancelled or TimedOut when it ended so, PromiseNotFound
        when nothing is known of it.
        """
        value: R = self._transport.result(self.id, self._handler, timeout)
        return value

    @property
    def status(self) -> str:
        """One word for people: queued, running, suspended, parked, succeeded, failed, cancelled, timed_out."""
        return self._transport.status(self.id)

    def cancel(self) -> None:
        """Cancel it and everything below it; does nothing to one that is over."""
        self._transport.cancel(self.id)


class Caller(Carrier):
    """Calls handlers of services, virtual objects and workflows, and waits for their values.

    `client.object(Counter, "bob").add(1)` and `client.call(add, 1, key="bob")` do the
    same; of the second one type checkers know what it takes and gives.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back its connections, if it has any of its own."""
        self._transport.close()

    @overload
    def call(
        self,
        handler: Callable[[Any, A], Awaitable[R]],
        arg: A,
        *,
        key: str = "",
        idempotency_key: str | None = None,
        timeout: Time = None,
    ) -> R: ...
    @overload
    def call(
        self,
        handler: Callable[[Any, A], Generator[Any, Any, R]],
        arg: A,
        *,
        key: str = "",
        idempotency_key: str | None = None,
        timeout: Time = None,
    ) -> R: ...
    @overload
    def call(
        self,
        handler: Callable[[Any], Awaitable[R]],
        *,
        key: str = "",
        idempotency_key: str | None = None,
        timeout: Time = None,
    ) -> R: ...
    @overload
    def call(
        self,
        handler: Callable[[Any], Generator[Any, Any, R]],
        *,
        key: str = "",
        idempotency_key: str | None = None,
        timeout: Time = None,
    ) -> R: ...
    @overload
    def call(
        self,
        handler: Callable[[Any, A], R],
        arg: A,
        *,
        key: str = "",
        idempotency_key: str | None = None,
        timeout: Time = None,
    ) -> R: ...
    @overload
    def call(
        self,
        handler: Callable[[Any], R],
        *,
        key: str = "",
        idempotency_key: str | None = None,
        timeout: Time = None,
    ) -> R: ...
    def call(
        self, handler: Any, arg: Any = None, *, key: str = "", idempotency_key: str | None = None, timeout: Time = None
    ) -> Any:
        """Call a handler, given as the decorated function, and wait for its value; as `Bound.call`."""
        return self._call(request_of(handler, arg, key, idempotency_key=idempotency_key), timeout)

    @overload
    def send(
        self,
        handler: Callable[[Any, A], Awaitable[R]],
        arg: A,
        *,
        key: str = "",
        delay: Time = None,
        idempotency_key: str | None = None,
    ) -> Invocation[R]: ...
    @overload
    def send(
        self,
        handler: Callable[[Any, A], Generator[Any, Any, R]],
        arg: A,
        *,
        key: str = "",
        delay: Time = None,
        idempotency_key: str | None = None,
    ) -> Invocation[R]: ...
    @overload
    def send(
        self,
        handler: Callable[[Any], Awaitable[R]],
        *,
        key: str = "",
        delay: Time = None,
        idempotency_key: str | None = None,
    ) -> Invocation[R]: ...
    @overload
    def send(
        self,
        handler: Callable[[Any], Generator[Any, Any, R]],
        *,
        key: str = "",
        delay: Time = None,
        idempotency_key: str | None = None,
    ) -> Invocation[R]: ...
    @overload
    def send(
        self,
        handler: Callable[[Any, A], R],
        arg: A,
        *,
        key: str = "",
        delay: Time = None,
        idempotency_key: str | None = None,
    ) -> Invocation[R]: ...
    @overload
    def send(
        self,
        handler: Callable[[Any], R],
        *,
        key: str = "",
        delay: Time = None,
        idempotency_key: str | None = None,
    ) -> Invocation[R]: ...
    def send(
        self, handler: Any, arg: Any = None, *, key: str = "", delay: Time = None, idempotency_key: str | None = None
    ) -> Any:
        """Have a handler called, given as the decorated function; as `Bound.send`."""
        return self._send(request_of(handler, arg, key, idempotency_key=idempotency_key, delay=delay))

    def attach(self, invocation_id: str, handler: Any = None) -> Invocation[Any]:
        """An invocation that was sent before, here or elsewhere; `handler` says what its value is converted to."""
        return Invocation(invocation_id, self._transport, None if handler is None else handler_of(handler))

    def resolve_awakeable(self, id: str, value: Any = None) -> None:
        """Give an awakeable its value. Raises PromiseNotFound, AlreadySettled."""
        self._transport.resolve(id, value)

    def reject_awakeable(self, id: str, reason: str = "rejected") -> None:
        """Let whoever waits for an awakeable fail with `Rejected`. Raises PromiseNotFound, AlreadySettled."""
        self._transport.reject(id, reason)

    def _call(self, request: Request, timeout: Time) -> Any:
        return self._transport.call(request, timeout)

    def _send(self, request: Request) -> Invocation[Any]:
        invocation_id, created = self._transport.send(request)
        return Invocation(invocation_id, self._transport, request.handler, created=created)
