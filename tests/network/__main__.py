"""`python -m tests.network --faults N --seed S`: so many faults between workers and Redis, store and broker.

Exit code 1 when a law was broken.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.network.proxy import Trouble
from tests.network.story import disturbed, net_of

#: Faults of one fleet; then another one begins, under a seed that is printed.
_CHAPTER = 50
#: Celery waits for ever for its broker and two minutes for its results unless it is told.
_IMPATIENT = {"broker_transport_options": {"socket_timeout": 5}, "redis_socket_timeout": 5}


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.network")
    asked.add_argument("--faults", type=int, default=50)
    asked.add_argument("--pool", choices=["prefork", "threads", "solo"], default="prefork")
    asked.add_argument("--only", type=Trouble, action="append", default=[])
    asked.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    asked.add_argument("--never-reset", action="store_true", help="half-open connections stay so")
    said = asked.parse_args()
    conf = _IMPATIENT if said.never_reset else {}
    broken = 0
    for chapter in range(-(-said.faults // _CHAPTER)):
        seed, faults = said.seed + chapter, min(_CHAPTER, said.faults - chapter * _CHAPTER)
        with (
            tempfile.TemporaryDirectory() as folder,
            net_of(Path(folder), seed, resets=not said.never_reset, **conf) as net,
        ):
            report = disturbed(net, seed, faults, pool=said.pool, troubles=tuple(said.only))
            logs = net.fleet.logs(60) if report.broken else []
        print(f"{said.pool}, seed {seed}: {report.told()}", flush=True)
        for law in report.broken:
            print(f"  BROKEN: {law}")
        for name, log in logs:
            print(f"  the last words of {name}:\n{log}")
        broken += len(report.broken)
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
