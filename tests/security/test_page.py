"""SECURITY.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_the_page_names_exists() -> None:
    file, named = None, 0
    for path, name in re.findall(r"`(tests/[\w/]+\.py)?(?:::(test_\w+))?`", (ROOT / "SECURITY.md").read_text()):
        file = ROOT / path if path else file
        assert file is not None
        assert file.exists(), path
        if name:
            named += 1
            assert re.search(rf"^(async )?def {name}\(", file.read_text(), re.MULTILINE), f"{file.name}::{name}"
    assert named > 20
