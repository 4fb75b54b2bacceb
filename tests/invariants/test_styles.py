"""One behaviour in three styles."""

from __future__ import annotations

import pytest

from durable_celery.journal import Entry
from tests.invariants.corpus import CASES, CORPUS, STYLES, Case
from tests.simulation.benches import LocalBench
from tests.simulation.ledger import LEDGER
from tests.simulation.world import Shape, World

Outline = dict[str, dict[str, tuple[str, str, str]]]


def outline(world: World) -> Outline:
    """Every journal without its times and values: execution, path, and what stands there."""
    return {
        promise_id: {
            path: (text[0], "", "delivered") if path.endswith("!") else _head(Entry.decode(text))
            for path, text in sorted(row.journal.items())
        }
        for promise_id, row in sorted(world.seen.rows.items())
    }


def _head(entry: Entry) -> tuple[str, str, str]:
    return entry.kind, entry.name, entry.state.value


@pytest.mark.parametrize("shape", CORPUS, ids=str)
def test_a_body_comes_to_its_end_with_every_step_executed_once(shape: Shape) -> None:
    world = World(LocalBench(), shape).play()

    world.check_end()
    assert LEDGER.extra == 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_all_styles_write_the_same_journal(case: Case) -> None:
    outlines = [outline(World(LocalBench(), case.in_style(style)).play()) for style in STYLES]

    assert outlines[1] == outlines[0]
    assert outlines[2] == outlines[0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_stores_keep_the_same_journal(case: Case, redis_url: str) -> None:
    from tests.simulation.benches import RedisBench  # noqa: PLC0415

    shape = case.in_style(STYLES[0])
    local = outline(World(LocalBench(), shape).play())
    redis = World(RedisBench(redis_url), shape).play()

    redis.check_end()
    assert outline(redis) == local
