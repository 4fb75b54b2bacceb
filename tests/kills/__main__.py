"""`python -m tests.kills --kills N --pool P --seed S`: so many strikes on the workers of each pool.

Exit code 1 when a law was broken.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.kills.story import CONCURRENCY, fleet_of, struck

#: Strikes of one fleet; then another one begins, under a seed that is printed.
_CHAPTER = 50


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.kills")
    asked.add_argument("--kills", type=int, default=60)
    asked.add_argument("--pool", choices=list(CONCURRENCY), action="append")
    asked.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    said = asked.parse_args()
    broken = 0
    for pool in said.pool or CONCURRENCY:
        for chapter in range(-(-said.kills // _CHAPTER)):
            seed, kills = said.seed + chapter, min(_CHAPTER, said.kills - chapter * _CHAPTER)
            broken += chapter_of(pool, seed, kills)
    return int(broken > 0)


def chapter_of(pool: str, seed: int, kills: int) -> int:
    with tempfile.TemporaryDirectory() as folder, fleet_of(Path(folder)) as fleet:
        report = struck(fleet, pool, seed, kills)
    print(f"{pool}, seed {seed}: {report.told()}", flush=True)
    for law in report.broken:
        print(f"  BROKEN: {law}")
    return len(report.broken)


if __name__ == "__main__":
    sys.exit(main())
