"""A holder that lives keeps its lease, however long a step takes."""

from __future__ import annotations

import time

from durable_celery.clock import SystemClock
from durable_celery.lease import Keeper
from durable_celery.promise import Phase
from durable_celery.stores import LocalStore
from tests.contract.stories import MAX, claim, execution

LEASE_MS = 300


def test_a_lease_is_renewed_for_as_long_as_it_is_kept_and_not_longer() -> None:
    store, clock, lost = LocalStore(), SystemClock(), list[str]()
    store.create(execution("long"))
    asked_ms = clock.monotonic_ms()
    claimed = claim(store, "long", lease_ms=LEASE_MS)

    with Keeper(store, clock).keep(claimed.hold, lambda: lost.append("long"), asked_ms):
        for _ in range(10):  # three leases
            time.sleep(0.1)
            store.sweep(MAX)
    assert not lost
    assert store.get("long").phase is Phase.ACQUIRED

    deadline = time.monotonic() + 10
    while store.get("long").phase is Phase.ACQUIRED:
        assert time.monotonic() < deadline
        time.sleep(0.05)
        store.sweep(MAX)
    assert store.get("long").phase is Phase.READY
    store.close()
