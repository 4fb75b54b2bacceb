"""How much of what goes wrong: drawn anew for each seed, so that some worlds are quiet and some are hell."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tests.simulation.faulty import Kind

#: What may hit a call to the store.
AT_CALLS = (
    Kind.CRASH_BEFORE,
    Kind.CRASH_AFTER,
    Kind.CRASH_WITHIN,
    Kind.ERROR_BEFORE,
    Kind.ERROR_AFTER,
    Kind.REPLY_LOST,
    Kind.FREEZE,
    Kind.STALL,
)
#: What may happen to processes, workers, hints and the store between any two steps.
ELSEWHERE = ("kill process", "kill worker", "drain worker", "freeze process", "cancel", "roll the store back")
BROKER = ("drop", "duplicate", "delay")


@dataclass
class Mixture:
    """Probabilities by kind: per call, per step, per hint."""

    calls: dict[Kind, float] = field(default_factory=dict)
    steps: dict[str, float] = field(default_factory=dict)
    hints: dict[str, float] = field(default_factory=dict)

    @staticmethod
    def drawn(rng: random.Random) -> Mixture:
        """About half of the kinds are at work in a world, each with its own probability."""

        def some(most: float) -> float:
            return rng.uniform(0, most) if rng.random() < 0.5 else 0.0

        steps = {kind: some(0.02) for kind in ELSEWHERE}
        steps["roll the store back"] *= rng.random() < 0.3
        return Mixture(
            calls={kind: some(0.06) for kind in AT_CALLS},
            steps=steps,
            hints={kind: some(0.5) for kind in BROKER},
        )

    def at_call(self, rng: random.Random) -> Kind | None:
        """What hits the next call."""
        for kind, probability in self.calls.items():
            if probability and rng.random() < probability:
                return kind
        return None
