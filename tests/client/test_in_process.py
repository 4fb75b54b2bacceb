"""The clients that go straight to the store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.client.stories import *  # noqa: F403
from tests.client.waiting import Loop, Waiting


@pytest.fixture(params=["sync", "async"])
def client(durable, request: pytest.FixtureRequest) -> Iterator[object]:
    if request.param == "sync":
        with durable.client() as made:
            yield made
        return
    loop = Loop()
    yield Waiting(loop, durable.async_client())
    loop.close()
