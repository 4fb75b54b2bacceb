"""Hints are only hints: whatever the broker does with them, every execution comes to its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from durable_celery.errors import StoreMisconfigured
from tests.faults.shapes import SHAPES
from tests.simulation.benches import Bench
from tests.simulation.ledger import LEDGER
from tests.simulation.world import Shape, World


def lost(ids: list[str]) -> Sequence[str]:
    return []


def doubled(ids: list[str]) -> Sequence[str]:
    return ids * 3


def reversed_order(ids: list[str]) -> Sequence[str]:
    return ids[::-1] + ids


def down(ids: list[str]) -> Sequence[str]:
    raise OSError("no broker")


def misconfigured(ids: list[str]) -> Sequence[str]:
    raise StoreMisconfigured("no broker URL")


def played(bench: Bench, shape: Shape, broker: Callable[[list[str]], Sequence[str]]) -> World:
    world = World(bench, shape, broker=broker).play()
    world.check_end()
    assert LEDGER.extra == 0
    return world


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_lost_hints_cost_nothing_but_time(bench: Bench, shape: Shape) -> None:
    played(bench, shape, lost)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("broker", [doubled, reversed_order])
def test_repeated_and_reordered_hints_start_nothing_twice(
    bench: Bench, shape: Shape, broker: Callable[[list[str]], Sequence[str]]
) -> None:
    played(bench, shape, broker)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("broker", [down, misconfigured])
def test_a_broker_that_refuses_hints_is_never_the_bodys_trouble(
    bench: Bench, shape: Shape, broker: Callable[[list[str]], Sequence[str]]
) -> None:
    played(bench, shape, broker)
