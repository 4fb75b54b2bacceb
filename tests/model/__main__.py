"""`python -m tests.model`: what the tests explore, as a table, and how each mutant is found.

With `farther` larger budgets instead, which takes minutes and gigabytes. Exit code 1 when a property does not hold
or a mutant is not found.
"""

from __future__ import annotations

import sys

from tests.model.bounds import BOUNDS, FARTHER, MUTANTS, Bound, row
from tests.model.explorer import explore


def main(args: list[str]) -> int:
    if args == ["farther"]:
        return int(not sound(FARTHER))
    held = sound(BOUNDS)
    print()
    found = all_found()
    print(f"{len(BOUNDS)} configurations {'hold' if held else 'DO NOT HOLD'}, ", end="")
    print(f"{len(MUTANTS)} mutants {'found' if found else 'NOT ALL FOUND'}")
    return int(not (found and held))


def sound(bounds: list[Bound]) -> bool:
    """Print how much there is to see of each, and the way to whatever does not hold."""
    broken = False
    print("| configuration | states | transitions |")
    print("|---|---|---|")
    for bound in bounds:
        report = explore(bound.make())
        print(row(bound, report), flush=True)
        for name, labels in report.broken.items():
            broken = True
            print(f"BROKEN: {name}: {way(labels)}")
    return not broken


def all_found() -> bool:
    """Print the way to the property that each mutant breaks."""
    missed = False
    for found in MUTANTS:
        broken = explore(found.make(found.mutant), stop_at=found.by).broken
        missed = missed or found.by not in broken
        print(f"{found}\n    {way(broken[found.by]) if found.by in broken else 'NOT FOUND'}")
    return not missed


def way(labels: list[str]) -> str:
    return " → ".join(labels) or "from the beginning"


sys.exit(main(sys.argv[1:]))
