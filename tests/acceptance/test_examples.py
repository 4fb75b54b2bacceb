"""Every example, run by the command that its README shows: it ends well, and says what the README says.

The folders are found here, so that an example without a test cannot exist.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from durable_celery.dev.child import wait_until
from tests.docs.blocks import ROOT, blocks

FOLDERS = sorted(folder for folder in (ROOT / "examples").iterdir() if any(folder.glob("*.py")))
STORIES = [folder for folder in FOLDERS if (folder / "__main__.py").exists()]
#: Those that are no stories are web programs, and have tests of their own.
OTHERS = Path(__file__).with_name("test_web_programs.py").read_text()
MARK = "DURABLE_EXAMPLE_TEST"


def transcript(folder: Path) -> tuple[str, list[str]]:
    """The command and the lines that follow it in the README."""
    [shown] = [block.text for block in blocks(folder / "README.md") if block.language == "console"]
    command, *lines = shown.splitlines()
    return command.removeprefix("$ "), lines


def says(line: str, shown: str) -> bool:
    """Whether a line is as shown, where … stands for anything."""
    return re.fullmatch(".+?".join(map(re.escape, shown.split("…"))), line) is not None


def alive(mark: str, folder: Path) -> list[str]:
    """The commands of all processes that descend from the one that was given the mark.

    A Redis writes its title over its environment, so it is known by the folder that it works in.
    """
    wanted, found = f"{MARK}={mark}".encode(), []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                inside = (process / "cwd").readlink().is_relative_to(folder)
                if inside or wanted in (process / "environ").read_bytes().split(b"\0"):
                    found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
    return found


@pytest.mark.slow
@pytest.mark.parametrize("folder", STORIES, ids=lambda folder: folder.name)
def test_an_example_tells_the_story_of_its_readme(folder: Path, tmp_path: Path) -> None:
    command, shown = transcript(folder)
    assert command == f"python -m examples.{folder.name}"
    mark = uuid.uuid4().hex
    env = {**os.environ, MARK: mark, "TMPDIR": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, *command.split()[1:]], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    said = done.stdout.splitlines()
    assert len(said) >= len(shown) >= 5
    rest = iter(said)
    missing = next((wanted for wanted in shown if not any(says(line, wanted) for line in rest)), None)
    assert missing is None, f"not said, or not in this order: {missing!r}\n{done.stdout}"
    assert wait_until(lambda: not alive(mark, tmp_path), 5), alive(mark, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_story_that_is_interrupted_leaves_nothing_running(end: signal.Signals, tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    env = {**os.environ, MARK: mark, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    argv = [sys.executable, "-m", "examples.approval"]
    story = subprocess.Popen(
        argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert story.stdout is not None
    story.stdout.readline()
    commands = "\n".join(alive(mark, tmp_path))
    assert "celery" in commands
    assert "redis" in commands or "valkey" in commands

    story.send_signal(end)
    _, errors = story.communicate(timeout=60)

    assert story.returncode != 0
    assert "Traceback" not in errors
    assert wait_until(lambda: not alive(mark, tmp_path), 5), alive(mark, tmp_path)
    assert end is signal.SIGKILL or list(tmp_path.iterdir()) == []


def test_a_story_that_is_not_as_told_ends_with_an_error(tmp_path: Path) -> None:
    program = "from examples.stage import expect, perform\nfrom examples.saga.flows import durable\n"
    program += "perform(lambda stage: expect(1 > 2, 'one is more than two'), durable, 'examples.saga.flows')\n"
    env = {**os.environ, "TMPDIR": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 1
    assert "NOT AS TOLD: one is more than two" in done.stderr


def test_every_folder_is_a_story_or_a_web_program_with_a_test() -> None:
    assert len(STORIES) >= 13
    untested = [folder.name for folder in FOLDERS if folder not in STORIES and folder.name not in OTHERS]
    assert untested == []
