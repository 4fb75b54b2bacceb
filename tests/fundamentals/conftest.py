"""A Durable in this process for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from durable_celery import Durable


@pytest.fixture
def durable() -> Iterator[Durable]:
    made = Durable.local()
    yield made
    made.close()
