"""A Durable in this process for every test: with promises in memory, and with promises in a real Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from durable_celery import Durable
from tests.fundamentals.styles import STYLES, Style
from tests.rest import closed_at_rest


@pytest.fixture(params=["local", "redis"])
def durable(request: pytest.FixtureRequest) -> Iterator[Durable]:
    made = Durable.local() if request.param == "local" else Durable(store=request.getfixturevalue("redis_url"))
    with closed_at_rest(made):
        yield made


@pytest.fixture(params=list(STYLES))
def style(request: pytest.FixtureRequest) -> Style:
    """A way to write a body; asked for, the test runs in all three."""
    return STYLES[request.param]
