"""`python -m tests.redis_chaos --kills N --seed S`: so many faults with strict durability, then as many power cuts / 4.

Exit code 1 when a law was broken.
"""

from __future__ import annotations

import argparse
import random
import sys

from tests.redis_chaos.story import Report, with_always, with_power_cuts

#: Faults of one server; then another one begins, under a seed that is printed.
_CHAPTER = 20


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.redis_chaos")
    asked.add_argument("--kills", type=int, default=50)
    asked.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    said = asked.parse_args()
    print(f"seed {said.seed}, {said.kills} faults", flush=True)
    broken = 0
    for chapter in range(-(-said.kills // _CHAPTER)):
        seed, faults = said.seed + chapter, min(_CHAPTER, said.kills - chapter * _CHAPTER)
        broken += told(f"strict, appendfsync always, seed {seed}", with_always(seed, faults))
        broken += told(f"relaxed, power cuts, seed {seed}", with_power_cuts(seed, max(faults // 4, 1)))
    return int(broken > 0)


def told(title: str, report: Report) -> int:
    print(f"{title}: {report.told()}", flush=True)
    for law in report.broken:
        print(f"  BROKEN: {law}")
    return len(report.broken)


if __name__ == "__main__":
    sys.exit(main())
