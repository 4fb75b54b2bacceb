"""A type checker knows what a call by the decorated function takes and gives."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

FILE = Path(__file__).parent / "data" / "typed.py"
ROOT = Path(__file__).parents[2]


def found() -> list[tuple[int, str]]:
    """Line and what mypy says there, in the words of the comments."""
    argv = [sys.executable, "-m", "mypy", "--hide-error-context", str(FILE.relative_to(ROOT))]
    env = {**os.environ, "MYPYPATH": str(ROOT)}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=170, cwd=ROOT, env=env)
    assert not done.stderr, done.stderr
    said = []
    for line in done.stdout.splitlines():
        if shown := re.match(r'.*/typed\.py:(\d+): note: Revealed type is "(.*)"', line):
            said.append((int(shown[1]), "shows: " + re.sub(r"\w+\.", "", shown[2])))
        elif error := re.match(r".*/typed\.py:(\d+): error: ", line):
            said.append((int(error[1]), "refused"))
        else:
            assert ": error:" not in line, line
    return said


def test_types_follow_the_decorated_function() -> None:
    lines = enumerate(FILE.read_text().splitlines(), 1)
    expected = [(number, line.partition("  # ")[2]) for number, line in lines if "  # " in line]

    assert len(expected) > 20
    assert found() == expected
