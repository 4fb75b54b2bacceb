"""Looking at promises: the part of the store's contract that changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import NamedTuple, Protocol

from durable_celery.promise import Promise, State

#: How many records one search looks at, so that a store with millions of them answers others too.
SEARCH_DEPTH = 2000
#: How many promises one page has.
SEARCH_PAGE = 100

_CURSOR = re.compile(r"([0-9]{1,15}):([!-~]+)\Z")


class Found(NamedTuple):
    """One page of a search: promises without their payloads, newest first; `after` asks for the next, "" at the end."""

    promises: tuple[Promise, ...]
    after: str


class Census(NamedTuple):
    """How much of what there is: cheap to ask, whatever the store holds.

    `pending` counts executions by function, children included; of these `ready` are due for a worker
    (as are outcomes that Celery has not been told), `leased` have one, `parked` wait for a person.
    `timers` is what sleeps end at, `tended` are Celery tasks that are waited for, and
    `roots` the executions that a search finds, settled ones included.
    """

    pending: dict[str, int]
    ready: int
    leased: int
    parked: int
    timers: int
    tended: int
    roots: int


class Lines(NamedTuple):
    """What a body logged since its holder wrote last: the last `most` of an execution are kept.

    `mark` is its own for every writing, so that one whose reply was lost is not written twice.
    """

    texts: tuple[str, ...]
    most: int
    mark: str


class Looking(Protocol):
    """What handles and pages ask of a store."""

    @property
    def rollbacks(self) -> int:
        """How often this process found the store behind what it had seen: what an attempt holds from before is void."""

    def get(self, promise_id: str) -> Promise:
        """The record, projected; raises PromiseNotFound, and Expired (which is one) where a tombstone stands."""

    def read(self, promise_id: str) -> tuple[Promise, dict[str, str]]:
        """The record and the journal, in one look; raises as `get` does."""

    def state(self, object: str) -> dict[str, str]:
        """The state of a virtual object or workflow as it is now, name to text."""

    def search(
        self,
        functions: Collection[str] = (),
        state: State | None = None,
        prefix: str = "",
        after: str = "",
        limit: int = SEARCH_PAGE,
    ) -> Found:
        """T23. Executions that are the roots of their trees, newest first, without `args`, `value` and `canvas`.

        Those of these functions (of all, when none is named), in this state, whose id
        begins so. A page may have fewer than `limit`, even none, although `after` says
        that there is more. Raises ValueError for an `after` that no search answered.
        """

    def log(self, promise_id: str) -> list[str]:
        """The last lines that an execution logged: to each its number, from 1, a space, and the text."""

    def census(self) -> Census:
        """T24. Count what is pending, and what is due."""

    def watch(self, promise_id: str, notify: Callable[[], None], *, closely: bool = False) -> Callable[[], None]:
        """Call `notify` (from any thread) when the promise may have settled or was parked; returns what ends it.

        With `closely` also whenever its record or its journal may have changed.
        A hint only: whoever waits also looks from time to time.
        """


def cursor(promise: Promise) -> str:
    """Where a page ended."""
    return f"{promise.created_at}:{promise.id}"


def place(after: str) -> tuple[int, str]:
    """The instant and the id that a page ended with; raises ValueError."""
    found = _CURSOR.match(after)
    if not found:
        raise ValueError(f"{after!r} is not where a page of a search ended")
    return int(found[1]), found[2]
