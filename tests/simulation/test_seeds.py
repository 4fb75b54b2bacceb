"""Worlds that are drawn from a seed: all laws hold, everything ends, and a seed tells the same story each time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from durable_celery.journal import Journal
from durable_celery.promise import State
from durable_celery.stores import LocalStore
from tests.faults import test_teeth as mutants
from tests.simulation.story import simulate

STEPS = 300


@pytest.mark.parametrize("seed", (7, 21))
def test_a_seed_keeps_all_laws_and_gives_the_same_log_twice(seed: int) -> None:
    report = simulate(seed, STEPS)

    assert (report.law, report.evidence) == ("", "")
    assert report.digest == simulate(seed, STEPS).digest


class SecondWins(LocalStore):
    """Settles what is settled already."""

    def settle(self, promise_id, state, value, *, key="", strict=False):
        row = self._rows.by_id[promise_id]
        row.set(state=State.PENDING)
        return super().settle(promise_id, state, value, key=key, strict=strict)


class ReadsFromAReplica(LocalStore):
    """Answers who only looks with what was there a while ago."""

    def get(self, promise_id):
        seen = self.__dict__.setdefault("seen", {})
        return seen.setdefault(promise_id, super().get(promise_id))


STORES = {
    mutants.UnfencedCheckpoint: "a stale token changes nothing",
    mutants.LetsEverybodyIn: "one exclusive call of an object has its turn",
    SecondWins: "a settled record is frozen",
    ReadsFromAReplica: "whoever asks after an outcome was seen sees it",
}
#: Small worlds, and those that are known to catch what is broken here: the first that does is enough.
SEEDS = (21, 26, 10, 16, 13, 11, 2, 19, 27, *range(1, 31))


@pytest.mark.parametrize("store", STORES, ids=lambda store: store.__name__)
def test_a_store_with_a_rule_broken_is_caught_by_some_seed(store: type[LocalStore]) -> None:
    assert caught(STORES[store], store)


def no_replay(self: Journal, path: str, kind: str, name: str, where: str) -> None:
    self._unread.discard(path)


def test_an_engine_that_forgets_what_is_recorded_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Journal, "find", no_replay)

    assert caught("a recorded step is never executed again")


def caught(law: str, make: Callable[..., LocalStore] = LocalStore) -> bool:
    """Whether one of the first seeds breaks this law."""
    return any(simulate(seed, STEPS, make).law == law for seed in SEEDS)
