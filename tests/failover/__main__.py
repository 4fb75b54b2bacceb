"""`python -m tests.failover --by-hand N --kills M`: masters of a Redis Cluster change so often under load.

Where a step is when it happens is chance, as processes are: a seed would not bring it back. Exit code 1 when a law
was broken.
"""

from __future__ import annotations

import argparse
import sys

from tests.failover.story import BETWEEN, failed_over


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.failover")
    asked.add_argument("--by-hand", type=int, default=5)
    asked.add_argument("--kills", type=int, default=5)
    asked.add_argument("--between", type=int, default=BETWEEN, help="results told between two changes")
    said = asked.parse_args()
    report = failed_over(said.by_hand, said.kills, said.between)
    print(report.told())
    for law in report.broken:
        print(f"  BROKEN: {law}")
    return int(bool(report.broken))


if __name__ == "__main__":
    sys.exit(main())
