"""Random histories: LocalStore and RedisStore give the same answers and end in the same state."""

from __future__ import annotations

from tests.contract.stateful import told_alike


def test_both_stores_tell_the_same_story(redis_url: str) -> None:
    told_alike(redis_url, examples=50, steps=80, seed=None)
