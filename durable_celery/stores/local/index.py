"""What is due when: the local counterpart of a Redis sorted set."""

from __future__ import annotations

from typing import Generic, TypeVar

Key = TypeVar("Key", str, tuple[str, str])


class Index(Generic[Key]):
    """Keys by the instant at which they are due (epoch ms). It holds pending ones only, so it stays small."""

    def __init__(self) -> None:
        self._due: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._due)

    def __contains__(self, key: Key) -> bool:
        return key in self._due

    def set(self, key: Key, at: int) -> None:
        self._due[key] = at

    def drop(self, key: Key) -> None:
        self._due.pop(key, None)

    def all(self) -> list[Key]:
        """Every key, the one due first first."""
        return sorted(self._due, key=lambda key: (self._due[key], key))

    def until(self, now: int, limit: int) -> list[Key]:
        """The first keys that are due."""
        return [key for _, key in sorted((at, key) for key, at in self._due.items() if at <= now)[:limit]]

    def soonest(self) -> int | None:
        return min(self._due.values(), default=None)
