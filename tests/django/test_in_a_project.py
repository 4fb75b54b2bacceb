"""The Django application in a real project: each file of cases runs in a process with that project's settings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.docs.blocks import ROOT, blocks

HERE = Path(__file__).parent
#: Those that need no worker come first: it starts meanwhile.
CASES = sorted((str(path) for path in HERE.glob("cases_*.py")), key=lambda path: "project" not in path)


def test_all_cases_hold_in_a_project_with_a_database_and_a_worker() -> None:
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "tests.django.plugin", "-p", "no:cacheprovider", *CASES]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=150, cwd=ROOT)

    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-5000:]


def test_the_page_shows_how_this_project_is_set_up() -> None:
    program = (HERE / "site" / "settings.py").read_text() + (HERE / "site" / "celery.py").read_text()
    page = ROOT / "docs" / "django.md"
    block = next(each.text for each in blocks(page) if each.text.startswith("# shop/settings.py"))
    shown = [line.replace("shop", "tests.django.site") for line in block.splitlines() if line and line[0] != "#"]

    assert len(shown) == 9
    assert [line for line in shown if line not in program.splitlines()] == []


def test_who_imports_durable_celery_does_not_import_django() -> None:
    # Kombu imports `django.utils`, where there is one, to know its lazy texts.
    program = "import sys, durable_celery; sys.exit(any(f'django.{each}' in sys.modules for each in ('conf', 'db')))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_begin_run_on_commit_without_django_says_what_it_needs() -> None:
    program = """
from durable_celery import Durable
fn = Durable.local().register(name="f")(lambda ctx: 1)
try:
    fn.begin_run_on_commit("a")
except Exception as error:
    assert "INSTALLED_APPS" in str(error), error
else:
    raise SystemExit("it was begun")
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
