"""A soak that was interrupted goes on where it was; nothing that failed is forgotten."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.soak.book import Book
from tests.soak.courses import COURSES, Course, Part
from tests.soak.soak import soaked

LIMIT_S = 20.0


def part(name: str, program: str) -> Part:
    return Part(name, ("-S", "-c", program, name), lines=1)


def noting(runs: Path, rest: str = "") -> str:
    """Notes a run of itself."""
    return f"import sys; open({str(runs)!r}, 'a').write(sys.argv[1] + ' '); {rest}"


def test_what_is_done_is_skipped_and_what_failed_is_run_again(tmp_path: Path) -> None:
    runs, mended = tmp_path / "runs", tmp_path / "mended"
    good = part("good", noting(runs, "print('more'); print('7 of 7'); sys.exit(print('noise', file=sys.stderr))"))
    bad = part(
        "bad", noting(runs, f"print('BROKEN'); import os; os.path.exists({str(mended)!r}) or sys.exit('for a reason')")
    )
    book = Book(tmp_path / "book")

    assert not soaked([good, bad], book, limit_s=LIMIT_S)
    assert "| held: 7 of 7 |" in book.table("", [good])
    assert "| FAILED, code 1: BROKEN; for a reason |" in book.table("", [bad])

    mended.touch()
    assert soaked([good, bad], Book(tmp_path / "book"), limit_s=LIMIT_S)
    assert runs.read_text().split() == ["good", "bad", "bad"]
    assert "held; failed or cut off 1 times before" in book.table("", [bad])


def test_what_was_cut_off_is_run_again_and_its_log_is_kept(tmp_path: Path) -> None:
    cut = part("cut", noting(tmp_path / "runs"))
    book = Book(tmp_path / "book")
    book.begin(cut).write_text("the first half")

    assert "not run yet" in book.table("", [cut])
    assert soaked([cut], book, limit_s=LIMIT_S)
    assert [log.read_text() for log in book.folder.glob("*.1.log")] == ["the first half"]


def test_what_takes_too_long_is_ended_and_has_failed(tmp_path: Path) -> None:
    endless = part("endless", "import threading; threading.Event().wait()")
    book = Book(tmp_path)

    assert not soaked([endless], book, limit_s=0.2)
    assert "TOOK TOO LONG" in book.table("", [endless])


def test_a_command_is_cut_into_parts_with_seeds_of_their_own() -> None:
    course = Course("tests.kills", 9, ("--pool", "solo"), "--kills", amount=50, part=20)

    assert [each.command for each in course.parts(seed=7, scale=1)] == [
        "python -m tests.kills --pool solo --kills 20 --seed 7",
        "python -m tests.kills --pool solo --kills 20 --seed 8",
        "python -m tests.kills --pool solo --kills 10 --seed 9",
    ]
    assert [each.argv[-3] for each in course.parts(seed=7, scale=0.01)] == ["1"]


@pytest.mark.parametrize("scale", [1.0, 0.2])
def test_no_two_parts_of_a_soak_are_the_same(scale: float) -> None:
    parts = [each for course in COURSES for each in course.parts(1, scale)]

    assert len({each.file for each in parts}) == len(parts)


def test_the_interpreter_is_the_one_that_runs_the_soak(tmp_path: Path) -> None:
    book, asked = Book(tmp_path), part("python", "import sys; print(sys.executable)")

    assert soaked([asked], book, limit_s=LIMIT_S, before=["env"])
    assert book.log(asked).read_text().strip() == sys.executable
