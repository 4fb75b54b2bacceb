"""Clients: how a Durable hands out those of its own process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from durable_celery.calling.asynccaller import AsyncCaller
from durable_celery.calling.caller import Caller
from durable_celery.calling.direct import AsyncDirect, Direct
from durable_celery.handle import Handle
from durable_celery.invocations import Invocations
from durable_celery.promises import Promises


class Clients:
    """The part of `Durable` that calls handlers from outside."""

    invocations: Invocations
    promises: Promises
    get: Callable[[str], Handle[Any]]

    def client(self) -> Caller:
        """Calls handlers: `client.object(Counter, "bob").add(1)`; goes straight to the store."""
        return Caller(self._direct())

    def async_client(self) -> AsyncCaller:
        """The same for event loops: `await client.object(Counter, "bob").add(1)`."""
        return AsyncCaller(AsyncDirect(self._direct()))

    @property
    def _runs_here(self) -> bool:
        raise NotImplementedError

    def _direct(self) -> Direct:
        return Direct(self.invocations, self.promises, lambda each: self.get(each), runs_here=lambda: self._runs_here)
