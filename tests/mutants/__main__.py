"""`python -m tests.mutants [part of a name]`: every defect, and whether its test finds it."""

from __future__ import annotations

import sys
import time

from tests.mutants.catalogue import MUTANTS


def main(wanted: str) -> int:
    """Say what became of each; the exit code is 1 when one survives."""
    chosen = [mutant for mutant in MUTANTS if wanted in mutant.name]
    survivors = []
    for mutant in chosen:
        began = time.monotonic()
        survives = mutant.survives()
        survivors += [mutant.name] * survives
        print(f"{'SURVIVES' if survives else 'killed':8}  {time.monotonic() - began:4.1f} s  {mutant.name}", flush=True)
        print(f"{'':18}by {mutant.killed_by}", flush=True)
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutants killed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:])))
