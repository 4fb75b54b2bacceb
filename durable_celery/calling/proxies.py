"""Proxies: `client.object(Counter, "bob").add(1)`. They look the same for every client.

What a call gives depends on the client: a value, or for an asynchronous one
something to await.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from durable_celery import clock
from durable_celery.calling.request import Request
from durable_celery.errors import FunctionNotFound
from durable_celery.handler import Handler, Kind
from durable_celery.handlers import Handlers


class Bound:
    """One handler, of one key where it has one. Calling it waits for the value."""

    __slots__ = ("_carrier", "_request")

    def __init__(self, carrier: Carrier, request: Request) -> None:
        self._carrier = carrier
        self._request = request

    def __repr__(self) -> str:
        key = f" of {self._request.key!r}" if self._request.key else ""
        return f"<{self._request.function}{key}>"

    def __call__(
        self, arg: Any = None, *, idempotency_key: str | None = None, timeout: float | timedelta | None = None
    ) -> Any:
        """The same as `call`."""
        return self.call(arg, idempotency_key=idempotency_key, timeout=timeout)

    def call(
        self, arg: Any = None, *, idempotency_key: str | None = None, timeout: float | timedelta | None = None
    ) -> Any:
        """Call it and wait for the value, at most `timeout` (seconds or timedelta): then raises TimeoutError.

        The call goes on all the same. With an idempotency key, all who give it share one invocation.
        """
        return self._carrier._call(replace(self._request, arg=arg, idempotency_key=idempotency_key), timeout)

    def send(
        self, arg: Any = None, *, delay: float | timedelta | None = None, idempotency_key: str | None = None
    ) -> Any:
        """Have it called, now or after a delay (seconds or timedelta); gives the invocation."""
        delay_ms = 0 if delay is None else clock.to_ms(delay)
        request = replace(self._request, arg=arg, idempotency_key=idempotency_key, delay_ms=delay_ms)
        return self._carrier._send(request)


@dataclass(frozen=True, slots=True)
class Target:
    """A service, or a virtual object or workflow of one key; without `handlers` it is known by its name only."""

    kind: Kind
    name: str
    key: str
    handlers: dict[str, Handler] | None


class Proxy:
    """A service, or a virtual object or workflow of one key: its handlers are its attributes, or `proxy["name"]`."""

    __slots__ = ("__carrier", "__target")

    def __init__(self, carrier: Carrier, target: Target) -> None:
        self.__carrier = carrier
        self.__target = target

    def __repr__(self) -> str:
        key = f" of {self.__target.key!r}" if self.__target.key else ""
        return f"<proxy of the {self.__target.kind} {self.__target.name}{key}>"

    def __getattr__(self, name: str) -> Bound:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Bound:
        """The handler of this name; raises FunctionNotFound."""
        target, handler = self.__target, None
        if target.handlers is not None:
            if name not in target.handlers:
                raise FunctionNotFound(f"{target.name}.{name}")
            handler = target.handlers[name]
        request = Request(kind=target.kind, service=target.name, name=name, key=target.key, handler=handler)
        return Bound(self.__carrier, request)


class Carrier(ABC):
    """What stands behind proxies: a client, which knows how to carry a call to where it is accepted."""

    def service(self, target: Handlers | str) -> Proxy:
        """A service, given itself or by name."""
        return self._proxy(Kind.SERVICE, target, "")

    def object(self, target: Handlers | str, key: str) -> Proxy:
        """A virtual object, given itself or by name, of a key."""
        return self._proxy(Kind.OBJECT, target, key)

    def workflow(self, target: Handlers | str, key: str) -> Proxy:
        """A workflow, given itself or by name, of a key."""
        return self._proxy(Kind.WORKFLOW, target, key)

    @abstractmethod
    def _call(self, request: Request, timeout: float | timedelta | None) -> Any:
        """Have it called, and wait for the value."""

    @abstractmethod
    def _send(self, request: Request) -> Any:
        """Have it called."""

    def _proxy(self, kind: Kind, target: Handlers | str, key: str) -> Proxy:
        if isinstance(target, str):
            return Proxy(self, Target(kind, target, key, None))
        if not isinstance(target, Handlers):
            raise TypeError(f"client.{kind}(…) is given one itself or its name, not {target!r}")
        if target.kind is not kind:
            raise TypeError(f"the kind of {target.name} is {target.kind}, not {kind}: write client.{target.kind}(…)")
        return Proxy(self, Target(kind, target.name, key, target.handlers))
