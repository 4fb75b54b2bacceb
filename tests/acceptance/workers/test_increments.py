"""Many clients and one key, while the workers are killed: every call counts once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.acceptance.workers.fleet import FleetMaker
from tests.acceptance.workers.objects import add, total

LEASE_S = 2.0
CLIENTS, CALLS_EACH = 20, 50


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_a_thousand_increments_while_both_workers_are_killed(make_fleet: FleetMaker) -> None:
    fleet = make_fleet(durable_lease=LEASE_S)
    one, two = fleet.start("one", "two")
    client, done = fleet.durable.client(), threading.Semaphore(0)

    def increments(number: int) -> list[int]:
        found = []
        for _ in range(CALLS_EACH):
            found.append(client.call(add, 1, key="shared"))
            done.release()
        return found

    def wait_for(count: int) -> None:
        for _ in range(count):
            assert done.acquire(timeout=60)

    with ThreadPoolExecutor(CLIENTS) as clients:
        futures = [clients.submit(increments, number) for number in range(CLIENTS)]
        for victim, after in ((one, 250), (two, 350)):
            wait_for(after)
            victim.kill()
            wait_for(50)  # the other one goes on
            victim.again().ready()
        results = [each for future in futures for each in future.result(120)]

    assert sorted(results) == list(range(1, CLIENTS * CALLS_EACH + 1)), "each once, and nothing twice"
    assert client.call(total, key="shared") == CLIENTS * CALLS_EACH
