"""`python -m tests.rolling --stops N --seed S`: so many SIGTERMs on each pool. Exit code 1 when a law was broken."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.rolling.story import CONCURRENCY, fleet_of, rolled


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.rolling")
    asked.add_argument("--stops", type=int, default=10)
    asked.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    asked.add_argument("--pools", nargs="+", default=list(CONCURRENCY))
    said = asked.parse_args()
    print(f"seed {said.seed}", flush=True)
    broken = 0
    for pool in said.pools:
        with tempfile.TemporaryDirectory() as folder, fleet_of(Path(folder)) as fleet:
            report = rolled(fleet, pool, said.stops, said.seed)
        print(f"{pool}: {report.told()}", flush=True)
        for law in report.broken:
            print(f"  BROKEN: {law}")
        broken += len(report.broken)
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
