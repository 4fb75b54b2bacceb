"""The laws of replay, held against every body of the corpus."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from durable_celery.journal import Entry
from tests.invariants.corpus import CORPUS
from tests.invariants.replay import leaves, replay, told
from tests.simulation.benches import LocalBench
from tests.simulation.faulty import Kind
from tests.simulation.ledger import LEDGER
from tests.simulation.world import Shape, World

_WAITING = "remote|fan|gather_e|comp|sleeper|approval|detached|never|racing|in_turn|limited|retried|undone"
LOCAL_ONLY = [shape for shape in CORPUS if not re.match(_WAITING, shape.name)]
every_body = pytest.mark.parametrize("shape", CORPUS, ids=str)


def undated(journal: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """What stands in a journal, without when, and without what is different in every run: made values, tracebacks."""
    found: dict[str, tuple[str, ...]] = {}
    for path, text in journal.items():
        if path.endswith("!"):
            found[path] = (text[0],)
            continue
        entry = Entry.decode(text)
        varies = entry.kind in ("value", "sleep") or entry.name == "tell" or entry.state.value == "rejected"
        found[path] = (entry.kind, entry.name, entry.state.value, "" if varies else entry.payload)
    return found


def journals(world: World) -> dict[str, dict[str, tuple[str, ...]]]:
    return {promise_id: undated(row.journal) for promise_id, row in world.seen.rows.items()}


@every_body
def test_replaying_a_finished_journal_executes_no_step_and_comes_to_the_same_end(shape: Shape) -> None:
    world = World(LocalBench(), shape).play()

    for row in world.seen.rows.values():
        if row.promise.is_execution:
            LEDGER.clear()
            again = replay(world.registry, row.promise, row.journal)

            assert not LEDGER.begun
            assert again.written == []
            assert again.outcome is not None
            assert told(again.outcome) == told(row.promise)


@pytest.mark.parametrize("shape", LOCAL_ONLY, ids=str)
def test_replay_after_every_prefix_executes_each_remaining_step_once(shape: Shape) -> None:
    world = World(LocalBench(), shape).play()
    promise, whole = world.promise(), world.journal()

    for length in range(len(whole) + 1):
        prefix = dict(list(whole.items())[:length])
        LEDGER.clear()
        again = replay(world.registry, promise, prefix)

        assert set(LEDGER.begun.values()) <= {1}
        assert len(LEDGER.begun) == len(leaves(whole)) - len(leaves(whole) & prefix.keys())
        assert undated(again.journal) == undated(whole)
        assert again.outcome is not None
        assert told(again.outcome) == told(promise)


@every_body
@pytest.mark.parametrize("kind", [Kind.CRASH_AFTER, Kind.CRASH_BEFORE], ids=lambda kind: kind.name.lower())
def test_an_attempt_that_ends_anywhere_changes_neither_journal_nor_outcome(shape: Shape, kind: Kind) -> None:
    bench = LocalBench()
    undisturbed = World(bench, shape).play()
    calls, expected = undisturbed.injector.calls, journals(undisturbed)

    for number in range(len(calls)):
        world = World(bench, shape, {number: kind}).play()

        world.check_end()
        assert journals(world) == expected
        if kind is Kind.CRASH_AFTER and shape.sequential:
            assert LEDGER.extra == 0


class AfterEachWrite:
    """A plan by which every attempt ends with the first thing that it records."""

    def get(self, number: int, call: str) -> Kind | None:
        return Kind.CRASH_WITHIN if call.split()[1] in ("checkpoint", "spawn") else None


@pytest.mark.parametrize("shape", [shape for shape in CORPUS if shape.sequential], ids=str)
def test_a_body_that_is_replayed_after_every_single_entry_notices_nothing(shape: Shape) -> None:
    expected = journals(World(LocalBench(), shape).play())

    world = World(LocalBench(), shape, AfterEachWrite()).play()

    world.check_end()
    assert journals(world) == expected
    assert LEDGER.extra == 0
    entries = sum(row.cursor for row in world.seen.rows.values())
    assert len(world.injector.hit) == entries


@every_body
def test_a_hand_over_at_any_point_repeats_no_step(shape: Shape) -> None:
    bench = LocalBench()
    undisturbed = World(bench, shape).play()
    calls, expected = undisturbed.injector.calls, journals(undisturbed)

    for number in range(len(calls)):
        world = World(bench, shape, {number: Kind.DRAIN}).play()

        world.check_end()
        assert journals(world) == expected
        assert LEDGER.extra == 0


@every_body
def test_attempts_are_counted_and_ids_are_the_same_in_each(shape: Shape) -> None:
    """Children are named after their position, so their ids are stable; attempts are one more each time."""
    bench = LocalBench()
    ids = set(World(bench, shape).play().seen.rows)

    world = World(bench, shape, {1: Kind.CRASH_AFTER}).play()

    assert set(world.seen.rows) == ids
    assert world.promise().attempt >= 2
