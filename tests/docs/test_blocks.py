"""Every Python block of every page runs; every file and target that a page names exists."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, Block, blocks, pages

PYTHON = [block for page in pages() for block in blocks(page) if block.language == "python"]
#: Blocks that other tests run with real workers, by their first line.
RUN_ELSEWHERE = {
    "# shop.py": "tests/docs/test_transcript.py",
    "# proj.py": "tests/acceptance/test_flask_factory.py",
    "# shop/settings.py": "tests/django/test_in_a_project.py",
    "# worker.py": "tests/acceptance/test_services_programs.py",
    '@app.get("/async")': "tests/acceptance/test_web_programs.py",
}


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_blocks_run(block: Block, tmp_path: Path) -> None:
    """A block is a whole program; its asserts are what the page claims."""
    first = block.text.splitlines()[0]
    if first in RUN_ELSEWHERE:
        assert (ROOT / RUN_ELSEWHERE[first]).exists()
        return
    program = tmp_path / "block.py"
    program.write_text(block.text)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, timeout=60, env=env, cwd=tmp_path
    )
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for page in pages():
        for block in blocks(page):
            for target in re.findall(r"^\$ make (\w+)", block.text, re.MULTILINE):
                assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{block}: make {target}"
