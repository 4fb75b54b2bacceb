"""A Durable in this process for every test: with promises in memory, and with promises in a real Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from durable_celery import Durable


@pytest.fixture(params=["local", "redis"])
def durable(request: pytest.FixtureRequest) -> Iterator[Durable]:
    made = Durable.local() if request.param == "local" else Durable(store=request.getfixturevalue("redis_url"))
    yield made
    made.close()
