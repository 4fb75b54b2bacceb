"""One defect: what it changes in which file, and the test that finds it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: What a killing test may need beside the package.
_TREE = ("durable_celery", "tests", "workers", "webapp", "pyproject.toml")
_NO_COPY = shutil.ignore_patterns("__pycache__")
#: Seconds for one killing test; a mutant that makes it hang is found as well.
_LONGEST_S = 60


@dataclass(frozen=True, slots=True)
class Mutant:
    """A defect. `file` is inside the package, `before` occurs there once, `killed_by` is a pytest node."""

    name: str
    file: str
    before: str
    after: str
    killed_by: str

    def source(self) -> str:
        """The file as it is."""
        return (ROOT / "durable_celery" / self.file).read_text()

    def survives(self) -> bool:
        """Whether the test that is named passes with the defect in a copy of the package."""
        with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
            here = Path(folder)
            for name in _TREE:
                if (ROOT / name).is_dir():
                    shutil.copytree(ROOT / name, here / name, ignore=_NO_COPY)
                else:
                    shutil.copy(ROOT / name, here)
            (here / "durable_celery" / self.file).write_text(self.source().replace(self.before, self.after))
            return _passes(here, self.killed_by)


def _passes(folder: Path, node: str) -> bool:
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--tb=no", f"--timeout={_LONGEST_S}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, node],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):  # no such test, or none that ran: that is not a mutant found
        raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.returncode == 0
