"""What the render steps themselves wrote down: the truth about which ran how often, kept outside Redis."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workers import ledger

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(slots=True, kw_only=True)
class Ran:
    """How often a step started and ended, and in which processes."""

    label: str
    started: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)

    @property
    def once(self) -> bool:
        """Whether it was executed exactly once, from beginning to end."""
        return len(self.started) == 1 and self.ended == self.started

    @property
    def open(self) -> bool:
        """Whether it is at work, or was cut off and not yet done again."""
        return len(self.ended) == 0


def read(path: Path) -> list[Ran]:
    """Read the ledger of one rendering; steps come in the order in which they first started."""
    steps: dict[str, Ran] = {}
    for line in ledger.lines(path):
        _, what, pid, event = line.split()
        label = "join" if what == "join" else f"line {int(what) + 1}"
        step = steps.setdefault(what, Ran(label=label))
        (step.started if event == "start" else step.ended).append(int(pid))
    return list(steps.values())
