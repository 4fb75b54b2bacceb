"""What releases left in the middle of their work is carried on to its end, on both stores, by the code of today."""

from __future__ import annotations

import tomllib

import pytest

from tests.compat import record
from tests.compat.frozen import Frozen, thaw
from tests.compat.journals import JOURNALS, recordings
from tests.compat.shapes import RECORDED
from tests.simulation.benches import Bench, LocalBench, RedisBench
from tests.simulation.ledger import LEDGER
from tests.simulation.world import Shape, World

RECORDINGS = recordings()
#: Every kind of entry that is written for good; `task` needs a broker and is in tests/acceptance/workers.
KINDS = {
    *("run", "rpc", "sleep", "promise", "value", "version", "detached", "continue"),
    *("select", "get", "set", "try", "due", "cancelled"),
}


@pytest.fixture(scope="module", params=["local", "redis"])
def bench(request: pytest.FixtureRequest) -> Bench:
    if request.param == "local":
        return LocalBench()
    return RedisBench(request.getfixturevalue("redis_server").url)


@pytest.mark.parametrize("shape", RECORDED, ids=str)
def test_an_execution_of_another_release_comes_to_its_end(bench: Bench, shape: Shape) -> None:
    cuts = [(release, frozen) for release, its, frozen in RECORDINGS if its is shape]
    assert cuts
    for release, frozen in cuts:
        carry_on(bench, shape, frozen, f"{release}, after {frozen.after}")
    bench.clear()


def carry_on(bench: Bench, shape: Shape, frozen: Frozen, where: str) -> None:
    world = World(bench, shape)
    thaw(bench, frozen)
    world.seen = bench.snapshot()
    LEDGER.recorded |= set(frozen.recorded)

    world.go_on()

    assert world.outcome() == (shape.state, shape.value), where
    assert not world.seen.lease, where
    assert not set(frozen.recorded) & set(LEDGER.begun), where


def test_this_release_is_among_them() -> None:
    version = tomllib.loads((record.ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert {path.stem for path in (JOURNALS / version).iterdir()} == {s.name.replace(" ", "_") for s in RECORDED}


def test_every_kind_of_entry_is_among_them() -> None:
    found = {
        text.partition(" ")[0]
        for _, _, frozen in RECORDINGS
        for key, journal in frozen.keys.items()
        if key.startswith("j:")
        for path, text in journal.items()
        if not path.endswith("!")
    }

    assert found >= KINDS


def test_a_released_version_is_not_recorded_again(capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in JOURNALS.glob("*/*")}

    assert record.main([]) == 1
    assert record.released("0.0.9", "## 0.0.9\n")
    assert not record.released("0.0.9", "## 0.0.9 (unreleased)\n")
    assert "not written again" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in JOURNALS.glob("*/*")} == before
