"""A Durable in this process for every test: with promises in memory, and with promises in a real Redis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from durable_celery import Durable
from tests.client.shop import Counter, Shop, Signup
from tests.client.waiting import Loop
from tests.rest import closed_at_rest


@contextmanager
def opened(kind: str, request: pytest.FixtureRequest) -> Iterator[Durable]:
    """A Durable that has the services of these tests and executes them in this process."""
    made = Durable.local() if kind == "local" else Durable(store=request.getfixturevalue("redis_url"))
    made.bind(Shop, Counter, Signup)
    with closed_at_rest(made):
        yield made


@pytest.fixture(params=["local", "redis"])
def durable(request: pytest.FixtureRequest) -> Iterator[Durable]:
    with opened(request.param, request) as made:
        yield made


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()
