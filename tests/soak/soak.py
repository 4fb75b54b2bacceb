"""Runs parts one after the other, and writes down what came of each."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.soak.book import Book, Outcome
from tests.soak.courses import Part

ROOT = Path(__file__).resolve().parents[2]
#: What a part that is to end gets to stop its servers and workers.
_GRACE_S = 30.0


def soaked(parts: Sequence[Part], book: Book, *, limit_s: float, before: Sequence[str] = ()) -> bool:
    """Run what is not done yet, each part for `limit_s` seconds at most; whether all held."""
    commit = _commit()
    for number, part in enumerate(parts, 1):
        if book.done(part):
            print(f"[{number}/{len(parts)}] done already: {part.command}", flush=True)
            continue
        print(f"[{number}/{len(parts)}] {part.command}", flush=True)
        outcome = _run(part, book, limit_s, before, commit)
        print("\n".join(f"    {line}" for line in outcome.figures), flush=True)
        if not outcome.held:
            print(f"    FAILED ({outcome.code}): {book.log(part)}", flush=True)
    return all(book.done(part) for part in parts)


def _run(part: Part, book: Book, limit_s: float, before: Sequence[str], commit: str) -> Outcome:
    began = time.monotonic()
    with book.begin(part).open("w") as log, book.noise(part).open("w") as noise:
        argv = [*before, sys.executable, *part.argv]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        # A session of its own: an interrupt is for this process, which passes it on and waits.
        process = subprocess.Popen(
            argv, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=noise, start_new_session=True
        )
        code: int | None
        try:
            code = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
    return book.end(part, code, time.monotonic() - began, commit)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        _tell(process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
    _tell(process.pid, signal.SIGKILL)
    process.wait()


def _tell(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def _commit() -> str:
    told = subprocess.run(
        ["git", "describe", "--always", "--exclude=*", "--dirty=+"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip() or "no commit"
