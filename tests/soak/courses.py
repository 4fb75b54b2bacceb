"""What a soak runs, and how much of each."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """One command, which is run as a whole or not at all."""

    course: str
    #: After `python`.
    argv: tuple[str, ...]
    #: How many of its last lines are its figures.
    lines: int

    @property
    def command(self) -> str:
        return " ".join(("python", *self.argv))

    @property
    def file(self) -> str:
        """A name for its files: no two parts have the same."""
        said = " ".join(self.argv[1:])
        legible = re.sub(r"[^\w.]+", "-", said)[:80]
        return f"{legible}-{hashlib.sha256(said.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class Course:
    """A command of tests. With an `amount` it is cut into parts of at most `part`, whose seeds follow each other."""

    module: str
    lines: int
    options: tuple[str, ...] = ()
    #: The option that says how much, how much that is at a scale of 1, and how much one part does.
    count: str = ""
    amount: int = 0
    part: int = 1
    #: How many seeds one part uses up.
    seeds: int = 1

    @property
    def name(self) -> str:
        return self.module.removeprefix("tests.")

    def parts(self, seed: int, scale: float) -> Iterator[Part]:
        """The first has `seed`. What has no amount is one part, the same at any scale."""
        if not self.amount:
            yield self._part()
        total = max(1, round(self.amount * scale)) if self.amount else 0
        for number, done in enumerate(range(0, total, self.part)):
            size = min(self.part, total - done)
            yield self._part(self.count, str(size), "--seed", str(seed + number * self.seeds))

    def _part(self, *options: str) -> Part:
        return Part(self.name, ("-m", self.module, *self.options, *options), self.lines)


COURSES = [
    Course("tests.mutants", 1),
    Course("tests.model", 1),
    Course("tests.faults", 1, ("--depth", "1")),
    Course("tests.faults", 1, ("--depth", "1", "--store", "redis")),
    Course("tests.faults", 1, ("--depth", "2"), "--minutes", amount=30, part=6),
    Course("tests.simulation", 4, (), "--seeds", amount=2500, part=500, seeds=500),
    Course("tests.contract.stateful", 1, ("--steps", "100"), "--examples", amount=1250, part=250),
    Course("tests.kills", 15, (), "--kills", amount=100, part=20),
    Course("tests.kills", 15, ("--one-redis",), "--kills", amount=100, part=20),
    Course("tests.network", 3, (), "--faults", amount=1000, part=50),
    Course("tests.network", 3, ("--one-redis",), "--faults", amount=250, part=50),
    Course("tests.network", 3, ("--only", "half_open", "--never-reset"), "--faults", amount=30, part=6),
    Course("tests.redis_chaos", 2, (), "--kills", amount=500, part=20),
    Course("tests.failover", 2, ("--by-hand", "20", "--kills", "20")),
    Course("tests.rolling", 2, (), "--stops", amount=50, part=10),
    Course("tests.web.fuzz", 12, (), "--cases", amount=1000, part=1000),
]


def there() -> list[Course]:
    """Those whose command is in this tree."""
    return [course for course in COURSES if _found(course.module)]


def _found(module: str) -> bool:
    spec = importlib.util.find_spec(module)
    return spec is not None and (not spec.submodule_search_locations or _found(f"{module}.__main__"))
