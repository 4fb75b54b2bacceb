"""A pytest plug-in: with `WITH_DURABLE` set, every application of Celery's own tests has a Durable."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from durable_celery import Context, Durable


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "flaky: run again by a plug-in that is not needed here")


def occupied(ctx: Context, number: int) -> int:
    """Registered so that the application has a durable function among its tasks."""
    return number


@pytest.fixture(scope="session", autouse=True)
def durable_session(request: pytest.FixtureRequest) -> Iterator[None]:
    """The application of the session's worker, before the worker starts."""
    if not os.environ.get("WITH_DURABLE"):
        yield
        return
    durable = Durable(request.getfixturevalue("celery_session_app"))
    durable.register(occupied)
    yield
    durable.close()


@pytest.fixture(autouse=True)
def durable_app(request: pytest.FixtureRequest, durable_session: None) -> None:
    """An application that a test has for itself."""
    if os.environ.get("WITH_DURABLE") and "celery_app" in request.fixturenames:
        app = request.getfixturevalue("celery_app")
        if not hasattr(app, "durable"):
            Durable(app).register(occupied)
