"""Playing histories with faults, and collecting those that went wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tests.simulation.benches import Bench
from tests.simulation.faulty import Kind
from tests.simulation.monitor import Violation
from tests.simulation.world import Shape, World

#: Everything that can happen at one call and must not be noticed at the end.
KINDS = tuple(
    kind for kind in Kind if kind not in (Kind.CANCEL_BEFORE, Kind.CANCEL_AFTER, Kind.CANCEL_GENTLY, Kind.CRASH_WITHIN)
)


#: How a description ends whose faults, or one of them, came too late for the history.
UNMET = "never happened"


def calls_of(bench: Bench, shape: Shape, faults: Mapping[int, Kind] | None = None) -> int:
    """How many calls to the store a history makes."""
    return len(World(bench, shape, faults or {}).play().injector.calls)


def singles(calls: int, kinds: Iterable[Kind] = KINDS) -> Iterator[dict[int, Kind]]:
    """One fault, at every call, of every kind."""
    for kind in kinds:
        for number in range(calls):
            yield {number: kind}


def pairs(bench: Bench, shape: Shape, first: Kind) -> Iterator[dict[int, Kind]]:
    """One fault of the first kind at every call, and with each a second one at every call after it."""
    for single in singles(calls_of(bench, shape), [first]):
        (earlier,) = single
        for second in KINDS:
            for later in range(earlier + 1, calls_of(bench, shape, single)):
                yield {earlier: first, later: second}


def broken(bench: Bench, shape: Shape, plans: Iterable[dict[int, Kind]]) -> list[str]:
    """Play the shape under each plan; every history that broke a law or whose faults were not met, described."""
    found = []
    for faults in plans:
        world = World(bench, shape, faults)
        try:
            world.play()
            world.check_end()
        except Violation as violation:
            found.append(f"{_plan(world, faults)}: {violation}")
        else:
            if len(world.injector.hit) != len(faults):
                found.append(f"{_plan(world, faults)}: {UNMET}")
    return found


def _plan(world: World, faults: Mapping[int, Kind]) -> str:
    calls = world.injector.calls
    return ", ".join(f"{kind.name} at #{n} {calls[n] if n < len(calls) else '-'}" for n, kind in faults.items())
