"""The README's first screen, run as it stands: its program, its workers, its kill, its output."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from durable_celery.dev.server import EmbeddedRedis
from tests.docs.blocks import ROOT, blocks

README = blocks(ROOT / "README.md")
PROGRAM = next(block.text for block in README if block.text.startswith("# shop.py"))
TRANSCRIPT = next(block.text for block in README if "kill -9 one" in block.text)


def until(predicate: Callable[[], object], what: str, deadline_s: float = 30) -> None:
    end = time.monotonic() + deadline_s
    while not predicate():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


class Worker:
    """One `celery worker` of the transcript, by the very command shown there."""

    def __init__(self, command: str, folder: Path, env: dict[str, str]) -> None:
        self.log = folder / (re.search(r"-n (\w+)@", command)[1] + ".log")
        argv = [sys.executable, "-m", *command.split()]
        with self.log.open("w") as out:
            self.process = subprocess.Popen(
                argv, stdout=out, stderr=subprocess.STDOUT, cwd=folder, env=env, start_new_session=True
            )

    def said(self) -> list[str]:
        """What its steps printed."""
        return re.findall(r"(?:^|\] )((?:reserve|charge|pack|ship) \d+)$", self.log.read_text(), re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    with EmbeddedRedis() as server:
        (tmp_path / "shop.py").write_text(PROGRAM.replace("redis://localhost:6379/0", server.url))
        (tmp_path / "url").write_text(server.url)
        yield tmp_path, {**os.environ, "PYTHONPATH": str(ROOT)}


def shell(command: str, folder: tuple[Path, dict[str, str]]) -> str:
    inner = re.fullmatch(r"python -c '(.*)'", command)
    assert inner is not None, command
    argv = [sys.executable, "-c", inner[1]]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, cwd=folder[0], env=folder[1])
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_crash_happens_as_the_readme_tells_it(folder: tuple[Path, dict[str, str]]) -> None:
    lines = TRANSCRIPT.splitlines()
    commands = [line.removeprefix("$ ").removesuffix(" &") for line in lines if line.startswith("$")]
    workers = [Worker(command, *folder) for command in commands[:2]]
    try:
        client = redis.Redis.from_url((folder[0] / "url").read_text())
        until(lambda: client.zcard("dc:{0}:workers") == len(workers), "both workers to be there")
        shell(commands[2], folder)
        until(lambda: any("charge 42" in worker.said() for worker in workers), "charge to begin")
        one, two = sorted(workers, key=lambda worker: "charge 42" not in worker.said())
        os.kill(one.process.pid, signal.SIGKILL)
        until(lambda: "ship 42" in two.said(), "the other worker to go on")
        value = shell(commands[3], folder)
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.wait()
    told = [f"one: {said}" for said in one.said()] + ["kill -9 one"] + [f"two: {said}" for said in two.said()] + [value]
    assert told == [line for line in lines if not line.startswith("$")]
