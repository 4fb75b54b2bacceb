"""The two commands of the first page, run as a newcomer runs them: `webapp.demo` twice, and `webapp.dev`."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from durable_celery.dev import free_port, url_answers
from durable_celery.dev.child import wait_until

PROJECT = Path(__file__).resolve().parents[2]
MARK = "DURABLE_DEMO_TEST"


def marked_environment() -> tuple[str, dict[str, str]]:
    """Return a mark that every process descending from the one we start carries, and the environment with it."""
    mark = uuid.uuid4().hex
    environment = {**os.environ, MARK: mark}
    environment.pop("DURABLE_REDIS_URL", None)
    return mark, environment


def still_alive(mark: str) -> dict[int, str]:
    """Return the processes that carry the mark, with their commands; a zombie has no environment."""
    wanted = f"{MARK}={mark}".encode()
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
    return found


needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


@needs_proc
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_demo_tells_its_story_twice_in_a_row_and_leaves_nothing_behind() -> None:
    for _ in range(2):
        mark, environment = marked_environment()

        demo = subprocess.run(
            [sys.executable, "-m", "webapp.demo"],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=140,
            check=False,
        )

        assert demo.returncode == 0, demo.stdout + demo.stderr
        assert demo.stderr == ""
        story = demo.stdout
        assert "202, Location: /render/demo-" in story
        assert re.search(r"line 3 recorded, by worker (one|two)\n", story)
        killed = re.search(r"kill -9 \d+: (worker \w+) dies in the middle of line \d\n", story)
        cut_off = re.search(r"ran exactly once; only (line \d), which was cut off, ran again\.", story)
        assert killed
        assert cut_off
        (survivor,) = {"worker one", "worker two"} - {killed[1]}
        assert re.search(rf"{cut_off[1]} begins again, \d\.\d\d s after the kill\n", story)
        assert re.search(rf"{cut_off[1]} recorded, by {survivor}, \d\.\d\d s after the kill\n", story)
        assert re.search(rf"{cut_off[1]}  cut off in {killed[1]} +ran again in {survivor}\n", story)
        once = re.findall(r"(line \d|join) +ran once in", story)
        assert once == [step for step in (*(f"line {n}" for n in range(1, 9)), "join") if step != cut_off[1]]
        assert re.search(r"Flower: task demo-\w+ is SUCCESS\n", story)
        assert story.endswith("All of this was checked. Everything is stopped.\n")
        assert wait_until(lambda mark=mark: not still_alive(mark), 5), still_alive(mark)  # type: ignore[misc]


@needs_proc
@pytest.mark.timeout(120)
def test_the_demo_says_what_is_wrong_when_redis_is_not_there() -> None:
    mark, environment = marked_environment()
    environment["DURABLE_REDIS_URL"] = f"redis://127.0.0.1:{free_port()}/0"

    demo = subprocess.run(
        [sys.executable, "-m", "webapp.demo"],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert demo.returncode == 1
    assert "no Redis answers there" in demo.stderr
    assert "Traceback" not in demo.stderr
    assert wait_until(lambda: not still_alive(mark), 5), still_alive(mark)


@needs_proc
@pytest.mark.timeout(120)
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_demo_that_is_interrupted_leaves_nothing_behind_either(end: signal.Signals, tmp_path: Path) -> None:
    mark, environment = marked_environment()
    environment["TMPDIR"] = str(tmp_path)
    argv = [sys.executable, "-m", "webapp.demo"]
    demo = subprocess.Popen(
        argv, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert demo.stdout is not None
    for line in demo.stdout:
        if "line 1 recorded" in line:
            break
    assert len(still_alive(mark)) > 5

    demo.send_signal(end)
    _, errors = demo.communicate(timeout=60)

    assert demo.returncode != 0
    assert "Traceback" not in errors
    assert wait_until(lambda: not still_alive(mark), 5), still_alive(mark)
    if end != signal.SIGKILL:
        assert list(tmp_path.iterdir()) == []


@needs_proc
@pytest.mark.timeout(120)
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_dev_runs_until_it_is_told_to_stop(end: signal.Signals, tmp_path: Path) -> None:
    mark, environment = marked_environment()
    environment["DURABLE_DEV_FOLDER"] = str(tmp_path)
    dev = subprocess.Popen(
        [sys.executable, "-m", "webapp.dev"], cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert dev.stdout is not None
        addresses = {}
        for line in dev.stdout:
            if found := re.match(r"  (\w.*?)  +(\S+)$", line):
                addresses[found[1]] = found[2]
            if line.startswith("Ctrl-C"):
                break
        assert url_answers(f"{addresses['web application']}/healthz")()
        assert url_answers(f"{addresses['Flower']}/healthcheck")()
        assert addresses["Redis"].startswith("redis://127.0.0.1:")

        dev.send_signal(end)
        assert dev.wait(timeout=60) == 0

        assert wait_until(lambda: not still_alive(mark), 5), still_alive(mark)
        assert (tmp_path / "redis" / "appendonlydir").exists(), "its data stays"
    finally:
        dev.kill()
        dev.wait()
