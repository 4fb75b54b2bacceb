"""A Durable in this process for every test: with promises in memory, and with promises in a real Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from durable_celery import Durable
from tests.client.shop import Counter, Shop, Signup
from tests.rest import closed_at_rest


@pytest.fixture(params=["local", "redis"])
def durable(request: pytest.FixtureRequest) -> Iterator[Durable]:
    made = Durable.local() if request.param == "local" else Durable(store=request.getfixturevalue("redis_url"))
    made.bind(Shop, Counter, Signup)
    with closed_at_rest(made):
        yield made
