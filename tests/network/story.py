"""Troubles in a seeded order, between real workers and a client on one side and broker and store on the other."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from durable_celery.dev import EmbeddedRedis
from tests.acceptance.workers.fleet import Fleet
from tests.kills import laws
from tests.kills.load import Load
from tests.kills.shop import project
from tests.kills.story import MAX_ATTEMPTS
from tests.network.proxy import Proxy, Trouble

LEASE_S = 3.0
CONCURRENCY = 2
#: How long what is left may take at the end.
END_S = 90.0
TROUBLES = tuple(trouble for trouble in Trouble if trouble is not Trouble.NONE)
#: One trouble of so many outlasts a lease.
_ONE_LONG_OF = 12


@dataclass
class Report:
    """What happened, and every law that was broken."""

    faults: Counter[str] = field(default_factory=Counter)
    #: Pieces and connections that the faults met, by trouble.
    met: Counter[str] = field(default_factory=Counter)
    executions: int = 0
    lost: int = 0
    steps: int = 0
    repeated: int = 0
    again: int = 0
    refused: int = 0
    ended_after_s: float = 0.0
    broken: list[str] = field(default_factory=list)

    def told(self) -> str:
        faults = ", ".join(f"{count} {kind}" for kind, count in sorted(self.faults.items()))
        met = ", ".join(f"{count} {kind}" for kind, count in sorted(self.met.items()))
        return (
            f"{faults}\n  met: {met}\n"
            f"  {self.executions} executions, {self.lost} lost, {self.steps} steps, {self.repeated} runs repeated, "
            f"{self.again} recorded steps run again, {self.refused} calls of the client refused, "
            f"all ended {self.ended_after_s:.1f} s after the last fault; broken laws: {len(self.broken)}"
        )


@dataclass(frozen=True, slots=True)
class Net:
    """Workers to be, and what is between them and their servers."""

    fleet: Fleet
    broker: Proxy
    store: Proxy

    @property
    def met(self) -> Counter[str]:
        return Counter(self.broker.disturbed) + Counter(self.store.disturbed)


@contextmanager
def net_of(folder: Path, seed: int, *, resets: bool = True, **conf: Any) -> Iterator[Net]:
    with (
        EmbeddedRedis() as broker,
        EmbeddedRedis() as store,
        Proxy(broker.port, seed, resets=resets) as to_broker,
        Proxy(store.port, seed + 1, resets=resets) as to_store,
    ):
        urls = [url_of(proxy) for proxy in (to_broker, to_store)]
        fleet = Fleet(folder, *urls, durable_lease=LEASE_S, durable_max_attempts=MAX_ATTEMPTS, **conf)
        fleet.app = "tests.kills.shop"
        try:
            yield Net(fleet, to_broker, to_store)
        finally:
            to_broker.set(Trouble.NONE)
            to_store.set(Trouble.NONE)
            fleet.close()


def url_of(proxy: Proxy) -> str:
    return f"redis://127.0.0.1:{proxy.port}/0"


def disturbed(
    net: Net,
    seed: int,
    faults: int,
    *,
    pool: str = "prefork",
    lasting_s: tuple[float, float] = (0.1, 1.5),
    calm_s: tuple[float, float] = (0.1, 0.8),
    troubles: tuple[Trouble, ...] = (),
) -> Report:
    """So many faults: these troubles in turn, or any at random; of the broker, the store, or both."""
    chance, report = random.Random(seed), Report()
    net.fleet.start("one", "two", pool=pool, concurrency=CONCURRENCY)
    durable = project(net.fleet.broker, net.fleet.store, **net.fleet.conf)
    load = Load(durable, at_once=6 * CONCURRENCY, step_s=0.03, seed=seed)
    try:
        for number in range(faults):
            time.sleep(chance.uniform(*calm_s))
            trouble = troubles[number % len(troubles)] if troubles else chance.choice(TROUBLES)
            sides = chance.choice((("broker",), ("store",), ("broker", "store")))
            long = not troubles and chance.randrange(_ONE_LONG_OF) == 0
            _fault(net, sides, trouble, LEASE_S + 2 if long else chance.uniform(*lasting_s))
            report.faults[f"{trouble} ({' and '.join(sides)})"] += 1
        over_at = time.monotonic()
        stuck = load.finish(END_S)
        report.ended_after_s = time.monotonic() - over_at
        report.broken += [load.described(name) for name in stuck]
    finally:
        load.close()
        _sum_up(report, net, load)
        durable.close()
    return report


def _fault(net: Net, sides: tuple[str, ...], trouble: Trouble, seconds: float) -> None:
    proxies = [getattr(net, side) for side in sides]
    for proxy in proxies:
        proxy.set(trouble)
    time.sleep(seconds)
    for proxy in proxies:
        proxy.set(Trouble.NONE)


def _sum_up(report: Report, net: Net, load: Load) -> None:
    runs = laws.Runs(net.fleet.ledger.lines())
    report.met = net.met
    report.executions, report.steps, report.repeated = len(load.results), len(runs.started), runs.repeated
    report.lost, report.refused = len(load.started) - len(load.results), load.refused
    report.again = len(laws.no_recorded_step_runs_again(runs, load.results))
    report.broken += load.errors + laws.broken(runs, load.results)
