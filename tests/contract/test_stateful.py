"""Random histories: LocalStore and RedisStore give the same answers and end in the same state."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.contract.twins import Twins


def test_both_stores_tell_the_same_story(redis_url: str) -> None:
    Twins.url = redis_url
    run_state_machine_as_test(
        Twins,
        settings=settings(
            max_examples=50,
            stateful_step_count=80,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
