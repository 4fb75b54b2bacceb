"""`python -m tests.faults --depth 2 [--shape remote] [--store redis] [--seed 7] [--minutes 8]`: figures of histories.

Depth 1 plays one fault at every call, of every kind; depth 2 every pair of them. With `--minutes` the pairs are
drawn as `--seed` decides, the time shared among the shapes; without, all are played. A fault is not met where
the two threads of a history took turns in another way than before.
Exit code 1 when a history broke a law. One that is repeated alone needs its shape and its faults, which are printed.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import random
import sys
import time
from collections.abc import Iterator
from itertools import chain

from durable_celery.dev.server import EmbeddedRedis
from tests.faults.histories import KINDS, UNMET, broken, calls_of, pairs, singles
from tests.faults.shapes import SHAPES
from tests.simulation.benches import Bench, LocalBench, RedisBench
from tests.simulation.faulty import Kind
from tests.simulation.world import Shape


def main() -> int:
    wanted = _arguments()
    shapes = [shape for shape in SHAPES if not wanted.shape or shape.name in wanted.shape]
    print(
        f"depth {wanted.depth}, {wanted.store}, seed {wanted.seed}, {len(shapes)} shapes, {len(KINDS)} kinds of fault"
    )
    print("| shape | calls | histories | faults not met | violations | s |\n|---|---|---|---|---|---|")
    with _bench(wanted.store) as bench:
        rows = [_played(bench, shape, wanted, share=len(shapes)) for shape in shapes]
    histories, unmet, violations, took = map(sum, zip(*rows, strict=True))
    print(f"| all | | {histories} | {unmet} | {violations} | {took:.0f} |")
    return int(violations > 0)


def _played(bench: Bench, shape: Shape, wanted: argparse.Namespace, share: int) -> tuple[int, int, int, float]:
    began = time.monotonic()
    until = math.inf if wanted.minutes is None else began + wanted.minutes * 60 / share
    played, found = 0, list[str]()
    for plan in _plans(bench, shape, wanted):
        found += broken(bench, shape, [plan])
        played += 1
        if time.monotonic() > until:
            break
    took, violations = time.monotonic() - began, [each for each in found if not each.endswith(UNMET)]
    unmet = len(found) - len(violations)
    print(f"| {shape} | {calls_of(bench, shape)} | {played} | {unmet} | {len(violations)} | {took:.1f} |", flush=True)
    for each in violations:
        print(f"BROKEN {shape}: {each}", flush=True)
    return played, unmet, len(violations), took


def _plans(bench: Bench, shape: Shape, wanted: argparse.Namespace) -> Iterator[dict[int, Kind]]:
    if wanted.depth == 1:
        return singles(calls_of(bench, shape))
    if wanted.minutes is None:
        return chain.from_iterable(pairs(bench, shape, first) for first in KINDS)
    return _drawn(bench, shape, random.Random(f"{wanted.seed} {shape}"))


def _drawn(bench: Bench, shape: Shape, dice: random.Random) -> Iterator[dict[int, Kind]]:
    """Pairs, none of them twice."""
    calls, lengths, seen = calls_of(bench, shape), dict[tuple[int, Kind], int](), set[tuple[int, Kind, int, Kind]]()
    while True:
        earlier, first, second = dice.randrange(calls), dice.choice(KINDS), dice.choice(KINDS)
        if (earlier, first) not in lengths:
            lengths[earlier, first] = calls_of(bench, shape, {earlier: first})
        later = dice.randrange(earlier + 1, max(lengths[earlier, first], earlier + 2))
        if (earlier, first, later, second) not in seen and later < lengths[earlier, first]:
            seen.add((earlier, first, later, second))
            yield {earlier: first, later: second}


@contextlib.contextmanager
def _bench(store: str) -> Iterator[Bench]:
    if store == "local":
        yield LocalBench()
        return
    with EmbeddedRedis(appendfsync="no") as server:
        yield RedisBench(server.url)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--depth", type=int, choices=(1, 2), default=1)
    parser.add_argument("--shape", action="append", choices=[shape.name for shape in SHAPES])
    parser.add_argument("--store", choices=("local", "redis"), default="local")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float)
    return parser.parse_args()


sys.exit(main())
