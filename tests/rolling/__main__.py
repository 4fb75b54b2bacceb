"""`python -m tests.rolling --stops N --seed S`: so many SIGTERMs on each pool, and an upgrade from the commit `--old`.

With `--wheels` both are built as wheels and installed before, as a deployment has them: a module or a script that is
missing in the wheel is missing there too. `--stops 0` has the upgrade alone. Exit code 1 when a law was broken.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.acceptance.workers.fleet import ROOT
from tests.rolling.story import CONCURRENCY, Report, Version, fleet_of, rolled, upgraded


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.rolling")
    asked.add_argument("--stops", type=int, default=10)
    asked.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    asked.add_argument("--pools", nargs="*", default=list(CONCURRENCY))
    asked.add_argument("--old", help="a commit: its workers are replaced by those of this tree under load")
    asked.add_argument("--wheels", action="store_true", help="of both, and not their trees")
    said = asked.parse_args()
    print(f"seed {said.seed}", flush=True)
    broken = 0
    for pool in said.pools if said.stops else ():
        with tempfile.TemporaryDirectory() as folder, fleet_of(Path(folder)) as fleet:
            report = rolled(fleet, pool, said.stops, said.seed)
        broken += told(pool, report)
    if said.old:
        with tempfile.TemporaryDirectory() as folder, fleet_of(Path(folder)) as fleet:
            old = unpacked(said.old, Path(folder) / "old")
            if said.wheels:
                young = unpacked("HEAD", Path(folder) / "young")
                broken += told(f"wheels from {said.old}", upgraded(fleet, installed(old), installed(young)))
            else:
                broken += told(f"from {said.old}", upgraded(fleet, Version(old, str(old))))
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


def installed(tree: Path) -> Version:
    """The wheel of a tree, in a folder of its own; of the tree itself only the application of the tests is left."""
    built, site = tree / "built", tree / "site"
    pip = [sys.executable, "-m", "pip"]
    subprocess.run([*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(built), str(tree)], check=True)
    [wheel] = built.glob("*.whl")
    subprocess.run([*pip, "install", "-q", "--no-deps", "--target", str(site), str(wheel)], check=True)
    shutil.rmtree(tree / "durable_celery")
    path = os.pathsep.join((str(site), str(tree)))
    found = subprocess.run(
        [sys.executable, "-c", "import durable_celery; print(durable_celery.__file__)"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": path},
        check=True,
        capture_output=True,
        text=True,
    )
    assert found.stdout.startswith(str(site)), f"the workers would have {found.stdout.strip()}"
    return Version(tree, path)


if __name__ == "__main__":
    sys.exit(main())
