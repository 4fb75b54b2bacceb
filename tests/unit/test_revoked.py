"""What Celery's `revoke` names is cancelled, also when the store could not be told at first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from celery.worker import state

from durable_celery.worker.revoked import Revoked


@pytest.fixture(autouse=True)
def nothing_revoked() -> Iterator[None]:
    state.revoked.clear()
    yield
    state.revoked.clear()


def test_each_is_told_once() -> None:
    told: list[str] = []
    revoked = Revoked(lambda task_id: not told.append(task_id))
    state.revoked.add("order-1")
    revoked.look()
    state.revoked.add("order-2")
    revoked.look()
    revoked.look()

    assert told == ["order-1", "order-2"]


def test_one_that_could_not_be_cancelled_is_told_again() -> None:
    answers, told = iter([False, True]), []

    def cancel(task_id: str) -> bool:
        told.append(task_id)
        return next(answers)

    revoked = Revoked(cancel)
    state.revoked.add("order-1")
    for _ in range(3):
        revoked.look()

    assert told == ["order-1", "order-1"]
