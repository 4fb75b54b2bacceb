"""`python -m tests.rolling --stops N --seed S`: so many SIGTERMs on each pool, and an upgrade from the commit `--old`.

Exit code 1 when a law was broken.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.acceptance.workers.fleet import ROOT
from tests.rolling.story import CONCURRENCY, Report, fleet_of, rolled, upgraded


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.rolling")
    asked.add_argument("--stops", type=int, default=10)
    asked.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    asked.add_argument("--pools", nargs="*", default=list(CONCURRENCY))
    asked.add_argument("--old", help="a commit: its workers are replaced by those of this tree under load")
    said = asked.parse_args()
    print(f"seed {said.seed}", flush=True)
    broken = 0
    for pool in said.pools:
        with tempfile.TemporaryDirectory() as folder, fleet_of(Path(folder)) as fleet:
            report = rolled(fleet, pool, said.stops, said.seed)
        broken += told(pool, report)
    if said.old:
        with tempfile.TemporaryDirectory() as folder, fleet_of(Path(folder)) as fleet:
            broken += told(f"from {said.old}", upgraded(fleet, unpacked(said.old, Path(folder) / "old")))
    return int(broken > 0)


def told(title: str, report: Report) -> int:
    print(f"{title}: {report.told()}", flush=True)
    for law in report.broken:
        print(f"  BROKEN: {law}")
    return len(report.broken)


def unpacked(commit: str, folder: Path) -> Path:
    """The tree of a commit, in a folder of its own."""
    folder.mkdir()
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


if __name__ == "__main__":
    sys.exit(main())
