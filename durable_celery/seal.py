"""How the codec's texts stand in the store: as they are, unless `encryption` closes them."""

from __future__ import annotations

import hashlib

from durable_celery.errors import PayloadUnreadable

#: What a closed text begins with; no JSON does.
MARK = "sealed:"
DIGEST_LENGTH = 32


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

    def digest(self, text: str) -> str:
        """What tells this text from others, in 32 characters."""
        return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]


CLEAR = Seal()
