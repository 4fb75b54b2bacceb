"""The state of a virtual object or workflow, as one attempt sees it."""

from __future__ import annotations

from durable_celery.promise import Access
from durable_celery.store import Change


class State:
    """What was there when the attempt began, and what it has changed since.

    Only one call at a time may change it, and so it is the same in every
    attempt of that call. A workflow's run is the only one that ever does: it
    begins with nothing and makes its changes anew in every replay.
    """

    def __init__(self, access: Access, known: dict[str, str]) -> None:
        self.access = access
        self._known = dict(known)
        self._now = dict(known)
        self._changed: dict[str, str | None] = {}

    def get(self, name: str) -> str | None:
        """The text under a name."""
        return self._now.get(name)

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._now)

    def alter(self, changes: list[Change]) -> None:
        """Make changes here; they are written with the result, or by whoever asked for them."""
        for name, text in changes:
            self._changed[name] = text
            if text is None:
                self._now.pop(name, None)
            else:
                self._now[name] = text

    def discard(self) -> None:
        """Forget what an exclusive call has changed: it did not come to an end that its handler meant."""
        if self.access is Access.EXCLUSIVE:
            self._now = dict(self._known)
            self._changed.clear()

    def unwritten(self) -> list[Change]:
        """The changes that go with the result of an exclusive call."""
        return list(self._changed.items()) if self.access is Access.EXCLUSIVE else []
