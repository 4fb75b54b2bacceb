"""`python -m tests.contract.stateful --examples 5000 --steps 100 --seed 1`: LocalStore and RedisStore, told the same.

With `--cluster` RedisStore is on three nodes. A history that they tell differently is printed and ends it with code 1.
"""

from __future__ import annotations

import argparse
import time

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis.stateful import run_state_machine_as_test

from durable_celery.dev.server import EmbeddedRedis
from tests.cluster import cluster
from tests.contract.twins import Twins


def told_alike(url: str, *, examples: int, steps: int, seed: int | None) -> None:
    """Tell both so many histories; always the same ones when no seed is given."""

    class Told(Twins):
        pass

    Told.url = url
    run_state_machine_as_test(
        Told if seed is None else seeded(seed)(Told),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=seed is None,
            phases=[Phase.generate],
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.contract.stateful", description=__doc__)
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cluster", action="store_true")
    wanted = parser.parse_args()
    began = time.monotonic()
    if wanted.cluster:
        with cluster() as nodes:
            told_alike(nodes.url, examples=wanted.examples, steps=wanted.steps, seed=wanted.seed)
    else:
        with EmbeddedRedis(appendfsync="no") as server:
            told_alike(server.url, examples=wanted.examples, steps=wanted.steps, seed=wanted.seed)
    took = time.monotonic() - began
    print(f"{wanted.examples} histories of up to {wanted.steps} steps, seed {wanted.seed}: 0 differences, {took:.0f} s")


if __name__ == "__main__":
    main()
