"""`python -m tests.kills --kills N --pool P --seed S`: so many strikes on the workers of each pool.

Exit code 1 when a law was broken.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.kills.story import CONCURRENCY, fleet_of, struck
from tests.kills.strikes import KINDS

#: Strikes of one fleet; then another one begins, under a seed that is printed.
_CHAPTER = 50
_KINDS = {kind.__name__: kind for kind in KINDS}


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.kills")
    asked.add_argument("--kills", type=int, default=60)
    asked.add_argument("--pool", choices=list(CONCURRENCY), action="append")
    asked.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    asked.add_argument("--at-once", type=int, help="executions under way; three for each hand if not said")
    asked.add_argument("--step", type=float, default=0.1, help="seconds that a step takes")
    asked.add_argument("--apart", type=float, nargs=2, default=(0.6, 2.0), help="seconds from one strike to the next")
    asked.add_argument("--one-redis", action="store_true", help="broker and store are one")
    asked.add_argument("--only", choices=list(_KINDS), action="append", default=[])
    said = asked.parse_args()
    how = {"at_once": said.at_once, "step_s": said.step, "apart_s": tuple(said.apart)}
    how["kinds"] = tuple(_KINDS[name] for name in said.only)
    broken = 0
    for pool in said.pool or CONCURRENCY:
        for chapter in range(-(-said.kills // _CHAPTER)):
            seed, kills = said.seed + chapter, min(_CHAPTER, said.kills - chapter * _CHAPTER)
            broken += chapter_of(pool, seed, kills, one_redis=said.one_redis, **how)
    return int(broken > 0)


def chapter_of(pool: str, seed: int, kills: int, *, one_redis: bool, **how: Any) -> int:
    with tempfile.TemporaryDirectory() as folder, fleet_of(Path(folder), one_redis=one_redis) as fleet:
        report = struck(fleet, pool, seed, kills, **how)
    print(f"{pool}, seed {seed}: {report.told()}", flush=True)
    for law in report.broken:
        print(f"  BROKEN: {law}")
    return len(report.broken)


if __name__ == "__main__":
    sys.exit(main())
