"""`python -m tests.soak [--seed N] [--scale 0.2] [--folder F] [--only kills] [--without web.fuzz]`: every long test.

Each command is cut into parts with seeds that follow each other. What `--folder` says is done is skipped, so the same
line goes on where it was interrupted; what failed or was cut off is run again, and its earlier log kept.
Exit code 1 when one failed.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from pathlib import Path

from tests.soak.book import Book
from tests.soak.courses import Part, there
from tests.soak.soak import ROOT, soaked


def main() -> int:
    said = _arguments()
    parts = _chosen(said)
    book = Book(said.folder or ROOT / ".durable" / f"soak-{said.seed}")
    title = f"seed {said.seed}, scale {said.scale:g}, {len(parts)} parts, logs in {book.folder}"
    print(title, flush=True)
    # Also when they were ignored, as for a process in the background of a shell.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    held = False
    try:
        held = soaked(parts, book, limit_s=said.limit * 60, before=shlex.split(said.before))
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here")
    print(book.table(title, parts))
    return 0 if held else 1


def _chosen(said: argparse.Namespace) -> list[Part]:
    courses = [course for course in there() if not said.only or course.name in said.only]
    return [
        part for course in courses if course.name not in said.without for part in course.parts(said.seed, said.scale)
    ]


def _arguments() -> argparse.Namespace:
    names = sorted({course.name for course in there()})
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0, help="how much of each: 0.2 takes less than an hour")
    parser.add_argument("--folder", type=Path, help="where logs and outcomes are, .durable/soak-<seed> if not said")
    parser.add_argument("--only", action="append", default=[], choices=names)
    parser.add_argument("--without", action="append", default=[], choices=names)
    parser.add_argument("--limit", type=float, default=60.0, help="minutes that one part may take")
    parser.add_argument("--before", default="", help="words before each command, as: nice")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
