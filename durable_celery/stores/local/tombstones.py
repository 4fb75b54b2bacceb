"""Burnt ids in the local store: the counterpart of the keys `tb:<id>`."""

from __future__ import annotations

from heapq import heappop, heappush


class Tombstones:
    """What was executed under ids that are not to be used again yet."""

    def __init__(self) -> None:
        self._functions: dict[str, str] = {}
        self._until: list[tuple[int, str]] = []

    def set(self, promise_id: str, function: str, until: int) -> None:
        self._functions[promise_id] = function
        heappush(self._until, (until, promise_id))

    def trim(self, now: int) -> None:
        """Ids whose time is over are free."""
        while self._until and self._until[0][0] <= now:
            self._functions.pop(heappop(self._until)[1], None)

    def of(self, promise_id: str) -> str | None:
        """The function that had this id; None for one that is free."""
        return self._functions.get(promise_id)
