"""The script for browsers: how large it is as it is sent, that it is known after the first time, that it is shipped."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from durable_celery.web import script
from tests.web.conftest import Web

PROJECT = Path(__file__).resolve().parents[2]


def test_it_is_two_kilobytes_of_code_and_nothing_else() -> None:
    lines = script.sent().decode().splitlines()
    assert len(script.sent()) <= 2048
    assert all(line == line.strip() and not line.startswith("//") for line in lines)
    # Nothing may reach over the end of a line whose beginning is cut.
    assert "`" not in script.sent().decode()


def test_a_browser_that_has_it_is_not_sent_it_again(web: Web) -> None:
    first = web.ask("GET", "/durable.js")
    again = web.ask("GET", "/durable.js", headers={"If-None-Match": first.headers["etag"]})
    assert first.content == script.sent()
    assert (again.status_code, again.content) == (304, b"")


def test_the_package_holds_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        source = archive.read("durable_celery/web/durable.js")
    assert source == (PROJECT / "durable_celery" / "web" / "durable.js").read_bytes()
