"""An execution that takes its process down with it, again and again, is parked; the others go on."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from durable_celery import Parked
from tests.acceptance.workers.fleet import Fleet, FleetMaker

MAX_ATTEMPTS = 3


@pytest.fixture(scope="module")
def fleet(make_fleet: FleetMaker) -> Fleet:
    made = make_fleet(durable_max_attempts=MAX_ATTEMPTS)
    made.start("one", "two", options=("--time-limit=1",))
    return made


@pytest.fixture(params=["poisoned", "hanging"])
def poison(request: pytest.FixtureRequest) -> Callable[[Fleet, str], tuple[str, str]]:
    """Start one that kills its process, or one that runs into the hard time limit: its deadly step, and the reason."""

    def start(fleet: Fleet, id: str) -> tuple[str, str]:
        if request.param == "poisoned":
            fleet.durable.run(id, "poisoned", id)
            return f"{id}.2", r"its process \d+ died|its process died"
        fleet.durable.run(id, "walk_plain", 1, id, 1)
        return f"{id}.2", r"the hard time limit of 1\.0 s was reached"

    return start


def test_it_is_parked_with_a_reason_and_goes_on_when_it_is_cured(
    fleet: Fleet, poison: Callable[[Fleet, str], tuple[str, str]], request: pytest.FixtureRequest
) -> None:
    ill = f"ill-{request.node.callspec.id}"
    deadly, reason = poison(fleet, ill)
    others = [fleet.durable.run(f"{ill}-beside-{number}", "plus_async", number, 1) for number in range(10)]

    with pytest.raises(Parked, match=rf"{MAX_ATTEMPTS} attempts in a row ended without progress; the last: ({reason})"):
        fleet.durable.get(ill).result(30)
    asked_at = time.monotonic()
    with pytest.raises(Parked, match=rf"durable\.resume\('{ill}'\)"):
        fleet.durable.get(ill).result()
    assert time.monotonic() - asked_at < 1
    assert fleet.durable.get(ill).status == "parked"
    fleet.shows(ill, "PARKED")
    assert fleet.ledger.count(deadly, "start") == MAX_ATTEMPTS
    assert [other.result(20) for other in others] == [number + 1 for number in range(10)]
    assert all(worker.alive for worker in fleet.workers.values())

    fleet.open(ill)
    value = fleet.durable.resume(ill).result(20)

    assert value == list(fleet.ledger.last_runs(ill).values())
    assert fleet.ledger.repeated(ill) == {deadly}
    fleet.shows(ill, "SUCCESS")


def test_a_time_limit_is_reported_at_once(fleet: Fleet) -> None:
    """The limit is one second; nobody waits for the lease of ten."""
    fleet.durable.run("limit-1", "walk_plain", 1, "limit-1", 1)
    fleet.caught("limit-1", "limit-1.2")
    began_at = fleet.ledger.lines("limit-1.2", "start")[0].at

    again = fleet.started_after("limit-1", began_at)
    fleet.open("limit-1")

    assert again.id == "limit-1.2"
    assert again.at - began_at < 4
    assert len(fleet.durable.get("limit-1").result(20)) == 3


def test_a_step_that_exits_has_failed_and_its_process_lives(fleet: Fleet) -> None:
    assert fleet.durable.run("exit-1", "quits", 7).result(20) == "ExecutionFailed: builtins.SystemExit: 7"
    assert fleet.ledger.count("exit-1.1", "start") == 1
