"""How the codec's texts stand in the store: as they are, unless `encryption` closes them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Protocol

from durable_celery.errors import PayloadUnreadable

#: What a closed text begins with; no JSON does.
MARK = "sealed:"
DIGEST_LENGTH = 32
#: What stands before a closed text in a store: nothing, the head of a journal's entry, or the number of a logged line.
_BEFORE = re.compile(rf"(?:[^\n]*\n|[0-9]+ )?(?={MARK})")


class Seal:
    """Leaves texts as they are."""

    #: Whether what it closes must not be seen in logs, in Celery's result backend and in monitors either.
    hides = False

    def close(self, text: str) -> str:
        """The text as it is stored."""
        return text

    def open(self, text: str) -> str:
        """The text that was stored; raises PayloadUnreadable."""
        if text.startswith(MARK):
            raise PayloadUnreadable("it is encrypted and this process has no key; set durable_encryption_keys here too")
        return text

    def renew(self, text: str) -> str:
        """A closed text as it would be closed now; the same where it is already. Raises PayloadUnreadable."""
        return text

    def digest(self, text: str) -> str:
        """What tells this text from others, in 32 characters."""
        return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]


class Resealing(Protocol):
    """The part of the store's contract that is about changing keys."""

    def reseal(self, again: Callable[[str], str]) -> Iterator[int]:
        """T25. Put `again(text)` in the place of every closed text, unless that has changed since it was read.

        Of each key that has some: how many. Nothing else of a record changes, so neither
        holders nor replays can tell. What a passing call carries from a key that is still
        to be looked at to one that was is missed: only a pass that finds none is the last.
        """


def renewed(text: str, again: Callable[[str], str]) -> str:
    """What a store keeps, with the closed text in it as `again` makes it; the same where there is none."""
    found = _BEFORE.match(text)
    return text if found is None else text[: found.end()] + again(text[found.end() :])


CLEAR = Seal()
