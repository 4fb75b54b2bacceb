"""An execution that takes every process with it is set aside; the others go on."""

from __future__ import annotations

from durable_celery.promise import Phase, State
from tests.faults.shapes import step
from tests.simulation.benches import Bench
from tests.simulation.faulty import Crash, Kind
from tests.simulation.ledger import ACTOR, LEDGER, did
from tests.simulation.world import MAX_ATTEMPTS, ROOT, Shape, World

#: Whether the machine that the poisonous step needs is mended.
mended = {"yet": False}


def deadly() -> str:
    did("deadly")
    if not mended["yet"]:
        ACTOR.get().dead = True
        raise Crash("segmentation fault")
    return "alive"


def poison(ctx):
    first = yield ctx.run(step, "harmless", "still")
    return [first, (yield ctx.run(deadly))]


SHAPE = Shape(name="poison", functions=(poison,), value=["still", "alive"])


def test_it_is_parked_after_as_many_crashes_as_are_allowed(bench: Bench) -> None:
    mended["yet"] = False

    world = World(bench, SHAPE).play()

    parked = world.promise()
    assert (parked.state, parked.phase) == (State.PENDING, Phase.PARKED)
    assert LEDGER.begun == {"harmless": 1, "deadly": MAX_ATTEMPTS}
    assert f"{MAX_ATTEMPTS} attempts in a row ended without progress" in parked.reason
    assert "lease ran out" in parked.reason
    assert not world.seen.ready
    assert not world.seen.lease


def test_resumed_it_goes_on_after_its_last_checkpoint(bench: Bench) -> None:
    mended["yet"] = False
    world = World(bench, SHAPE).play()

    mended["yet"] = True
    world.publish(world.store(world.actor("client")).resume(ROOT))
    world.go_on()

    assert world.outcome() == (State.RESOLVED, ["still", "alive"])
    assert LEDGER.begun["harmless"] == 1


def test_crashes_with_progress_between_them_are_forgiven(bench: Bench) -> None:
    """Nine steps, each of whose attempts crashes once: nine crashes, never five in a row."""
    mended["yet"] = True

    def long_one(ctx):
        for number in range(9):
            yield ctx.run(step, f"step {number}")
        return "done"

    shape = Shape(name="long one", functions=(long_one,), value="done", steps=9)
    crashes: dict[int, Kind] = {}
    for _ in range(9):
        calls = World(bench, shape, crashes).play().injector.calls
        after = max(crashes, default=0)
        checkpoints = [n for n, call in enumerate(calls) if call.endswith("checkpoint") and n > after]
        crashes[checkpoints[0]] = Kind.CRASH_AFTER

    world = World(bench, shape, crashes).play()

    world.check_end()
    assert LEDGER.extra == 0
    assert world.promise().attempt == 10
