"""Celery's integration tests from its source package: fetched once, run in one way or the other, and read."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path

import celery
from redis import Redis

from durable_celery.dev import EmbeddedRedis

ROOT = Path(__file__).resolve().parents[2]
#: The files that speak to a worker over Redis.
FILES = ("test_tasks.py", "test_canvas.py", "test_group_chains.py", "test_inspect.py")
LONGEST_S = 3600
Outcomes = dict[str, str]


class NoSource(Exception):
    """Celery's source package cannot be had here."""


def cache() -> Path:
    """Where the source package is kept: `$CELERY_COMPAT_CACHE`, or a folder for temporary files."""
    named = os.environ.get("CELERY_COMPAT_CACHE")
    return Path(named) if named else Path(tempfile.gettempdir()) / "celery-compat"


def source() -> Path:
    """The folder that holds `t/`, of the version that is installed; downloaded when it is not there yet."""
    folder = cache() / celery.__version__
    if (folder / "t" / "integration").is_dir():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    wanted = f"celery=={celery.__version__}"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "celery", wanted]
    ended = subprocess.run([*pip, "--dest", str(folder)], capture_output=True, text=True, timeout=300, check=False)
    packed = sorted(folder.glob("celery-*.tar.gz"))
    if ended.returncode or not packed:
        raise NoSource(f"{wanted} could not be downloaded as source: {ended.stderr.strip()[-300:]}")
    with tarfile.open(packed[0]) as archive:
        for member in archive.getmembers():
            member.name = member.name.partition("/")[2]
            if Path(member.name).parent in (Path("t"), Path("t/integration")):
                archive.extract(member, folder, filter="data")
    if not (folder / "t" / "integration").is_dir():
        raise NoSource(f"the source package of {wanted} has no t/integration")
    (folder / "t" / "__init__.py").touch()
    return folder


def run(redis: EmbeddedRedis, tests: Iterable[str], *, durable: bool) -> Outcomes:
    """Run tests (files, or files with `::names`) against an empty Redis; how each ended."""
    folder = source()
    with Redis.from_url(redis.url) as client:
        client.flushall()
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.xml"
        argv = [sys.executable, "-m", "pytest", "-q", "-o", "python_classes=test_*", "-o", "xfail_strict=true"]
        argv += ["-c", os.devnull, "--rootdir", str(folder), "-p", "celery.contrib.pytest"]
        argv += ["-p", "tests.celery_compat.plugin", f"--junitxml={report}", "-p", "no:cacheprovider"]
        argv += [f"t/integration/{test}" for test in tests]
        log = cache() / f"{'durable' if durable else 'stock'}.log"
        with log.open("w") as out:
            subprocess.run(
                argv,
                cwd=folder,
                env=_env(redis, durable=durable),
                stdout=out,
                stderr=out,
                timeout=LONGEST_S,
                check=False,
            )
        return outcomes(report)


def outcomes(report: Path) -> Outcomes:
    """Each test of a JUnit report by its address: passed, failed, error or skipped."""
    found: Outcomes = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        module, _, inside = case.attrib["classname"].partition("t.integration.")[2].partition(".")
        address = "::".join([f"{module}.py", *([inside] if inside else []), case.attrib["name"]])
        ends = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        found[address] = {"failure": "failed"}.get(ends[0], ends[0]) if ends else "passed"
    return found


def lost(stock: Outcomes, durable: Outcomes) -> list[str]:
    """What passes without Durable and does not with it."""
    return sorted(test for test, end in stock.items() if end == "passed" and durable.get(test) != "passed")


def _env(redis: EmbeddedRedis, *, durable: bool) -> dict[str, str]:
    said = {
        "TEST_BROKER": redis.url,
        "TEST_BACKEND": redis.url,
        "REDIS_HOST": "127.0.0.1",
        "REDIS_PORT": str(redis.port),
        "WORKER_LOGLEVEL": "INFO",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "WITH_DURABLE": "1" if durable else "",
    }
    return {**os.environ, **said}
