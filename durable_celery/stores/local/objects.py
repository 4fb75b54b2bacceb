"""The virtual objects of the local store: the counterpart of `rules/objects.lua`."""

from __future__ import annotations

from collections.abc import Sequence

from durable_celery.promise import Promise
from durable_celery.store import Change


class Objects:
    """Mailboxes (exclusive calls in order of acceptance, head first) and states, by object."""

    def __init__(self) -> None:
        self._mailboxes: dict[str, dict[str, None]] = {}
        self._states: dict[str, dict[str, str]] = {}

    def turn(self, call: Promise) -> bool:
        """Whether this call is at the head of its mailbox; one that is not in it yet is put at the end first."""
        mailbox = self._mailboxes.setdefault(call.object, {})
        mailbox.setdefault(call.id)
        return next(iter(mailbox)) == call.id

    def leave(self, call: Promise) -> str | None:
        """Take a settled one out; answers whose turn has come by it."""
        mailbox = self._mailboxes.get(call.object, {})
        if call.id not in mailbox:
            return None
        was_its_turn = next(iter(mailbox)) == call.id
        del mailbox[call.id]
        if not mailbox:
            del self._mailboxes[call.object]
        return next(iter(mailbox), None) if was_its_turn else None

    def state(self, object: str) -> dict[str, str]:
        return dict(self._states.get(object, {}))

    def states(self) -> list[dict[str, str]]:
        """Those of all objects, as they are kept."""
        return list(self._states.values())

    def alter(self, object: str, changes: Sequence[Change]) -> None:
        if not changes:
            return
        state = self._states.setdefault(object, {})
        for name, text in changes:
            if text is None:
                state.pop(name, None)
            else:
                state[name] = text
        if not state:
            del self._states[object]

    def forget(self, object: str) -> None:
        self._states.pop(object, None)
