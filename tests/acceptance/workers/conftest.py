"""Servers and workers for these tests: broker and store are two Redis servers, so that one can be harmed alone."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from durable_celery.dev import EmbeddedRedis
from tests.acceptance.workers.fleet import Fleet, FleetMaker
from tests.leaks import leaks


@dataclass(frozen=True, slots=True)
class Servers:
    broker: EmbeddedRedis
    store: EmbeddedRedis


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Two servers for a module; every fleet has a database of its own on each."""
    with EmbeddedRedis() as broker, EmbeddedRedis() as store:
        yield Servers(broker, store)
        gc.collect()  # results of Celery's say goodbye to their server, and wait for one that is gone


@pytest.fixture(scope="module")
def databases() -> Iterator[int]:
    return itertools.count(1)


@pytest.fixture(scope="module")
def make_fleet(
    servers: Servers, databases: Iterator[int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FleetMaker]:
    """Makes fleets; at the end of the module all their workers are killed, and nothing in the store lives for ever."""
    made: list[Fleet] = []

    def make(**conf: Any) -> Fleet:
        number = next(databases)
        urls = [f"{server.url.rpartition('/')[0]}/{number}" for server in (servers.broker, servers.store)]
        fleet = Fleet(tmp_path_factory.mktemp("fleet"), *urls, **conf)
        made.append(fleet)
        return fleet

    yield make
    forgotten = [leak for fleet in made for leak in leaks(fleet.redis)]
    for fleet in made:
        fleet.close()
    assert forgotten == [], "no key may be left without a lifetime"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows what its workers printed last."""
    report = yield
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, Fleet):
                report.sections += [(f"worker {name}", lines) for name, lines in value.logs()]
    return report
