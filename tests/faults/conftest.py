"""The stores whose every call is broken."""

from __future__ import annotations

import pytest

from tests.simulation.benches import Bench, LocalBench, RedisBench


@pytest.fixture(params=["local", "redis"])
def bench(request: pytest.FixtureRequest) -> Bench:
    """LocalStore, and RedisStore on a real server."""
    if request.param == "local":
        return LocalBench()
    return RedisBench(request.getfixturevalue("redis_url"))
