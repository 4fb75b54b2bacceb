"""Looking at promises: the part of the store's contract that writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from durable_celery.promise import Promise


class Looking(Protocol):
    """What handles and pages ask of a store."""

    def get(self, promise_id: str) -> Promise:
        """The record, projected; raises PromiseNotFound."""

    def read(self, promise_id: str) -> tuple[Promise, dict[str, str]]:
        """The record and the journal, in one look; raises PromiseNotFound."""

    def state(self, object: str) -> dict[str, str]:
        """The state of a virtual object or workflow as it is now, name to text."""

    def watch(self, promise_id: str, notify: Callable[[], None]) -> Callable[[], None]:
        """Call `notify` (from any thread) when the promise may have settled or was parked; returns what ends it.

        A hint only: whoever waits also looks from time to time.
        """
