"""What must hold, whatever was done to Redis; each broken one is a sentence."""

from __future__ import annotations

from itertools import groupby

from durable_celery import PromiseNotFound
from tests.redis_chaos.workload import Ledger, Workload

LABELS = ("first", "second", "inside", "last")


def nothing_acknowledged_is_lost(load: Workload) -> list[str]:
    """With `appendfsync always` or `strict`: looked at while the client is silent."""
    gone = unknown(load)
    changed = [
        f"{name} was told as {value} and is another now"
        for name, value in load.ledger.results.items()
        if name not in gone and load.workers[0].get(name).result(0) != value
    ]
    return [f"{name} was accepted and is gone" for name in sorted(gone)] + changed


def unknown(load: Workload) -> set[str]:
    """Those accepted that the store does not know."""
    gone = set()
    for name in load.ledger.created:
        try:
            load.workers[0].store.get(name)
        except PromiseNotFound:
            gone.add(name)
    return gone


def no_recorded_step_runs_again(ledger: Ledger) -> list[str]:
    """With `appendfsync always` or `strict`."""
    return [
        f"step {label} of {name} was recorded and ran again"
        for (name, label), acknowledged in ledger.recorded.items()
        if any(started > acknowledged[0][0] for started, _ in ledger.runs[_holder(name, label), label])
    ]


def results_are_what_was_recorded(ledger: Ledger) -> list[str]:
    """Each value in a result is the one acknowledged last, or of a run that began after that."""
    wrong = []
    for name, result in ledger.results.items():
        for label, value in zip(LABELS, result, strict=True):
            key = (_holder(name, label), label)
            acknowledged = ledger.recorded.get(key, [(-1, -1)])[-1]
            later = [run for started, run in ledger.runs[key] if started > acknowledged[0]]
            if value != acknowledged[1] and value not in later:
                wrong.append(f"{name} says {value} for {label}, recorded was {acknowledged[1]}")
    return wrong


def nothing_is_held_twice(ledger: Ledger) -> list[str]:
    """In the order of the store's count, what one token wrote is in one piece."""
    wrong = []
    for name, writes in ledger.writes.items():
        for restart, piece in groupby(sorted(writes), key=lambda write: write[0]):
            turns = [token for token, _ in groupby(write[2] for write in piece)]
            if len(turns) != len(set(turns)):
                wrong.append(f"{name} was written by {turns} in turn after restart {restart}")
    return wrong


def _holder(name: str, label: str) -> str:
    """The execution that a step is in: `inside` is the child's."""
    return f"{name}.2" if label == "inside" and "." not in name else name
