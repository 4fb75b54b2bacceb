"""`python -m tests.compat.record`: records the journals of this release.

A released version's are never written again: they are what that release left
in people's Redis. While a version is not released yet, `--again` replaces its.
"""

from __future__ import annotations

import shutil
import sys
import tomllib
from pathlib import Path

from durable_celery.dev import EmbeddedRedis
from tests.compat.journals import JOURNALS, write
from tests.simulation.benches import RedisBench

ROOT = Path(__file__).parents[2]


def main(args: list[str]) -> int:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    folder = JOURNALS / version
    if folder.exists() and (args != ["--again"] or released(version)):
        print(f"{folder} exists{' and is released' if released(version) else ''}: it is not written again")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    with EmbeddedRedis(appendfsync="no") as server:
        write(folder, RedisBench(server.url))
    print(f"recorded into {folder}")
    return 0


def released(version: str, changes: str = (ROOT / "CHANGELOG.md").read_text()) -> bool:
    """Whether the list of changes says that this version is out."""
    return f"## {version} (unreleased)" not in changes


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
