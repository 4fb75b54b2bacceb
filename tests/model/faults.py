"""What goes wrong in the models, how often, and the tokens that keep former holders out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Faults(NamedTuple):
    """How many of each kind may still happen. Lost and duplicated hints are free: there is no limit to them."""

    crashes: int = 0
    lease_ends: int = 0  # while the holder lives: it becomes a zombie
    lost_replies: int = 0  # the store did it, and the caller does not know
    rollbacks: int = 0  # the store loses its tail
    cancels: int = 0
    parks: int = 0

    def without(self, kind: str) -> Faults:
        """What is left when one more of this kind has happened."""
        return self._replace(**{kind: getattr(self, kind) - 1})


class Token(NamedTuple):
    """What a claim gives out; a nonce of 0 is nobody's."""

    epoch: int = 0
    nonce: int = 0


def fresh(tokens: Iterable[Token]) -> int:
    """A nonce that none of these has: the smallest, so that states stay few."""
    taken = {token.nonce for token in tokens}
    nonce = 1
    while nonce in taken:
        nonce += 1
    return nonce
