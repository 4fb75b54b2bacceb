"""What steps did in the outside world of a simulation, and which of them may do it again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from tests.simulation.faulty import Actor
from tests.simulation.monitor import Violation

_DID = re.compile(r"did:([\w./:#~=-]+)")
#: Trees that somebody may cancel: what is undone there, and what is never done, is not counted.
LOOSE = "L"


class Effects:
    """Counts by label; who began a step last, and whether it is recorded."""

    def __init__(self) -> None:
        self.begun: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.recorded: set[str] = set()
        self._by: dict[str, Actor] = {}
        self._saved: set[str] = set()

    def begin(self, label: str, actor: Actor) -> None:
        """A step begins. One that began before may only when that attempt met a fault."""
        if label in self.recorded:
            raise Violation("a recorded step is never executed again", label, actor.name)
        former = self._by.get(label)
        if former is not None and not former.troubled and not label.startswith(LOOSE):
            raise Violation("a step is executed again only after a fault", label, former.name, actor.name)
        self._by[label] = actor
        self.begun[label] += 1

    def record(self, entries: Sequence[tuple[str, str]]) -> None:
        """These entries are in the store."""
        for _, text in entries:
            self.recorded.update(_DID.findall(text))

    def save(self) -> None:
        """What is recorded by now is on the store's disk."""
        self._saved = set(self.recorded)

    def roll_back(self) -> None:
        """What was recorded since is lost, and has to be done again."""
        self.recorded = set(self._saved)
        self._by.clear()

    @property
    def extra(self) -> int:
        """How many executions there were beyond one for each step."""
        return sum(self.begun.values()) - len(self.begun)

    @property
    def counted(self) -> int:
        """How many steps are recorded in trees that nobody cancels."""
        return sum(not label.startswith(LOOSE) for label in self.recorded)
