"""Sets the project up for one run of pytest: a Redis, databases, and a real `celery worker`.

Django's settings are one for a process, and other tests have their own, so these run as
`python -m pytest -p tests.django.plugin tests/django/cases_*.py`.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from durable_celery.dev import EmbeddedRedis
from durable_celery.dev.child import Child, wait_until

ROOT = Path(__file__).resolve().parents[2]
_UP_S = 40.0


class Site:
    """The worker of the project. It starts beside the first tests."""

    def __init__(self, folder: Path) -> None:
        argv = [sys.executable, "-m", "celery", "-A", "tests.django.site.celery", "worker", "-P", "solo"]
        argv += ["-Q", "celery,mail", "-l", "info", "--without-mingle", "--without-gossip"]
        self.worker = Child(argv, log=folder / "worker.log", cwd=ROOT)

    def ready(self) -> Site:
        wait_until(lambda: " ready." in self.worker.output() or self.worker.exit_code is not None, _UP_S)
        assert self.worker.exit_code is None, self.worker.last_lines(40)
        return self


def pytest_configure(config: pytest.Config) -> None:
    stack = config.stash[_STACK] = contextlib.ExitStack()
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    server = stack.enter_context(EmbeddedRedis(appendfsync="no"))
    os.environ["SITE_FILES"], os.environ["SITE_REDIS"] = str(folder), server.url
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.django.site.settings"
    import django  # noqa: PLC0415  # its settings are there from here on

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    for database in ("default", "other"):
        call_command("migrate", database=database, verbosity=0)
    site = config.stash[_SITE] = Site(folder)
    stack.callback(site.worker.kill)
    from tests.django.site.celery import app, durable  # noqa: PLC0415

    stack.callback(app.close)
    stack.callback(durable.close)


_STACK = pytest.StashKey[contextlib.ExitStack]()
_SITE = pytest.StashKey[Site]()


def pytest_unconfigure(config: pytest.Config) -> None:
    if _STACK in config.stash:
        config.stash[_STACK].close()


@pytest.fixture
def site(pytestconfig: pytest.Config) -> Iterator[Site]:
    """The project with a worker that takes messages."""
    made = pytestconfig.stash[_SITE].ready()
    yield made
    assert made.worker.exit_code is None, made.worker.last_lines(40)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.failed and _SITE in item.config.stash:
        report.sections.append(("worker", item.config.stash[_SITE].worker.last_lines(40)))
    return report
