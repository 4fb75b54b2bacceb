"""Presence: how workers see that one of them is gone, long before its leases end."""

from __future__ import annotations

from typing import Protocol


class Presence(Protocol):
    """One worker's, and its view of the others."""

    def attend(self) -> None:
        """Be present from now on, until `leave` or the end of this process, however it ends."""

    def gone(self) -> list[str]:
        """The nodes that were missed twice in a row. Ask several times a second."""

    def leave(self) -> None:
        """Not present any more, and not to be missed."""


class Alone:
    """Presence where there is only this process: nobody is ever missed."""

    def attend(self) -> None:
        """There is nobody to tell."""

    def gone(self) -> list[str]:
        return []

    def leave(self) -> None:
        """There is nobody to tell."""
