"""`python -m tests.simulation --seeds 500 --steps 300 --seed 1`: so many worlds, each played twice.

Exit code 1 when a law was broken, or when the same seed gave two logs. A seed says how to play it again.
Seeds know nothing of each other, so what was interrupted goes on with the seed that its last line names.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections import Counter

from tests.simulation.story import Report, simulate

_HOUR_MS = 3600 * 1000
#: Worlds between two lines that say how far it is.
_PAGE = 50


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    asked.add_argument("--seeds", type=int, default=500)
    asked.add_argument("--steps", type=int, default=300, help="steps with faults; then all must come to its end")
    asked.add_argument(
        "--seed", type=int, default=1, help="the first one; to go on where another run ended, the one it names"
    )
    asked.add_argument("--log", action="store_true", help="print the whole log of each")
    said = asked.parse_args()
    total, faults, broken, logs = Counter[str](), Counter[str](), 0, hashlib.sha256()
    for seed in range(said.seed, said.seed + said.seeds):
        report, again = simulate(seed, said.steps), simulate(seed, said.steps)
        if said.log:
            print("\n".join(report.lines))
        if report.law or report.digest != again.digest:
            broken += 1
            print(f"BROKEN: seed {seed}: {report.law or 'the same seed gives the same log'} {report.evidence[:500]}")
            print(f"  python -m tests.simulation --seeds 1 --steps {said.steps} --seed {seed} --log", flush=True)
        add_to(total, report)
        faults.update(report.faults)
        logs.update(report.digest.encode())
        if (seed - said.seed + 1) % _PAGE == 0:
            print(f"seed {seed}: {told(total)}; {broken} broken; goes on with --seed {seed + 1}", flush=True)
    print(f"seeds {said.seed} to {said.seed + said.seeds - 1}, {said.steps} steps with faults each: {told(total)}")
    print("faults: " + ", ".join(f"{kind} {number}" for kind, number in sorted(faults.items())))
    print(f"all logs together: sha256 {logs.hexdigest()[:16]}")
    print(f"{broken} broken; goes on with --seed {said.seed + said.seeds}")
    return int(broken > 0)


def add_to(total: Counter[str], report: Report) -> None:
    total.update(
        operations=report.operations,
        steps=report.steps,
        extra=report.extra,
        checked=report.checked,
        faults=sum(report.faults.values()),
        simulated_ms=report.simulated_ms,
    )


def told(total: Counter[str]) -> str:
    return (
        f"{total['operations']} operations, {total['checked']} checked for linearizability, {total['faults']} faults, "
        f"{total['steps']} steps begun of which {total['extra']} again, "
        f"{total['simulated_ms'] / _HOUR_MS:.0f} simulated hours"
    )


if __name__ == "__main__":
    sys.exit(main())
