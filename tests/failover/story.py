"""A Redis Cluster whose masters change while executions run: by hand, which loses nothing, and by SIGKILL."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import redis

from durable_celery import Durable
from durable_celery.dev.child import wait_until
from durable_celery.dev.server import HOST
from durable_celery.errors import PromiseNotFound, StoreUnavailable
from durable_celery.stores import RedisStore
from tests.cluster import Node, TestCluster, cluster

SOON = 30
STEPS = 4
CALLERS = 3
#: How many results are told between one change and the next.
BETWEEN = 20


@dataclass
class Report:
    """What was counted, and which laws were broken."""

    executions: int = 0
    by_hand: int = 0
    by_kill: int = 0
    #: Seconds from the change to the next result that somebody was told.
    pauses_s: list[float] = field(default_factory=list)
    rollbacks: int = 0
    #: Results that were told and are unknown since, and steps that ran more than once.
    forgotten: int = 0
    repeated: int = 0
    broken: list[str] = field(default_factory=list)

    def told(self) -> str:
        longest = f"{max(self.pauses_s):.1f} s" if self.pauses_s else "none"
        return (
            f"{self.executions} executions of {STEPS} steps, "
            f"{self.by_hand} failovers by hand, {self.by_kill} by SIGKILL; "
            f"forgotten {self.forgotten}, steps repeated {self.repeated}, rollbacks seen {self.rollbacks}, "
            f"longest pause {longest}; {len(self.broken)} laws broken"
        )


class Load:
    """Callers that start executions, one after the other, and are told their results."""

    def __init__(self, url: str) -> None:
        self.durable = Durable(store=RedisStore(url))
        self.begun: Counter[str] = Counter()
        self.results: dict[str, int] = {}
        self._done = threading.Event()
        self._function = self.durable.register(self._count, name="count")
        self._threads = [threading.Thread(target=self._keep_on, args=(who,)) for who in range(CALLERS)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Everybody is told what he is waiting for, and goes."""
        self._done.set()
        for thread in self._threads:
            thread.join()

    def begin(self, name: str) -> Any:
        """Start it, or attach to it; the result."""
        return self.durable.run(name, self._function, name).result(timeout=60)

    def _count(self, ctx: Any, name: str) -> Any:
        total = 0
        for number in range(STEPS):
            total += yield ctx.run(self._step, f"{name} {number}")
        return total

    def _step(self, label: str) -> int:
        self.begun[label] += 1
        return 1

    def _keep_on(self, who: int) -> None:
        number = 0
        while not self._done.is_set():
            name = f"{who}-{number}"
            try:
                self.results[name] = self.begin(name)
            except (StoreUnavailable, PromiseNotFound):
                continue  # the same id again
            number += 1


def asks(node: Node, *command: str | int) -> str:
    """The answer to a command as the server writes it."""
    with node.client() as client:
        connection = client.connection_pool.get_connection()
        connection.send_command(*command)  # type: ignore[no-untyped-call]
        answer = connection.read_response()
        client.connection_pool.release(connection)
    return str(answer)


def role(node: Node) -> str:
    """master or slave; nothing while it does not answer."""
    with contextlib.suppress(redis.RedisError, OSError), node.client() as client:
        return str(client.execute_command("ROLE")[0])  # type: ignore[no-untyped-call]
    return ""


@contextlib.contextmanager
def replicated() -> Iterator[tuple[TestCluster, list[Node]]]:
    """A cluster, and of the node that has the partition the two who may be its master."""
    with cluster() as made, Node(appendfsync="no") as replica:
        owner = made.owner()
        bus = asks(owner, "CLUSTER", "NODES").splitlines()
        (mine,) = (line for line in bus if "myself" in line)
        port = int(mine.split()[1].partition("@")[2].split(",")[0])
        replica.ask("CLUSTER", "MEET", HOST, owner.port, port)
        follow(replica, owner, [*made.nodes, replica])
        yield made, [owner, replica]


def follow(replica: Node, master: Node, nodes: list[Node]) -> None:
    """Make it the replica of this master, and wait until it has all and everybody knows."""

    def met() -> bool:
        with contextlib.suppress(redis.RedisError):
            asks(replica, "CLUSTER", "REPLICATE", master.id)
            return True
        return False

    assert wait_until(met, SOON), "they have met"
    linked(replica)
    assert wait_until(lambda: all(replica.id in _slaves(node) for node in nodes), SOON), "everybody knows"


def linked(replica: Node) -> None:
    """Wait until it has what its master has."""
    assert wait_until(lambda: "master_link_status:up" in asks(replica, "INFO", "replication"), SOON), "it has all"


def _slaves(node: Node) -> str:
    return "\n".join(line for line in asks(node, "CLUSTER", "NODES").splitlines() if "slave" in line)


def failed_over(by_hand: int, by_kill: int, between: int = BETWEEN) -> Report:
    """So many changes of the master, first by hand and then by SIGKILL, under load; and what came of it."""
    report = Report(by_hand=by_hand, by_kill=by_kill)
    with replicated() as (made, pair):
        load = Load(made.url)
        more(load, between)
        for _ in range(by_hand):
            master, replica = pair if role(pair[0]) == "master" else reversed(pair)
            linked(replica)
            report.pauses_s.append(changed(load, lambda: replica.ask("CLUSTER", "FAILOVER"), replica))  # noqa: B023
            more(load, between)
        lost_by_hand, repeated_by_hand = counted(load)
        if lost_by_hand or repeated_by_hand or load.durable.store.rollbacks:
            report.broken.append(f"by hand: {lost_by_hand} results forgotten, {repeated_by_hand} steps repeated")
        for _ in range(by_kill):
            master, replica = pair if role(pair[0]) == "master" else reversed(pair)
            linked(replica)
            report.pauses_s.append(changed(load, master.kill, replica))
            more(load, between)
            master.start()
            assert wait_until(lambda: role(master) == "slave", SOON), "the old master follows"  # noqa: B023
        load.end()
        judge(load, report)
        load.durable.close()
    return report


def more(load: Load, number: int) -> None:
    """Wait until so many more results were told."""
    before = len(load.results)
    assert wait_until(lambda: len(load.results) >= before + number, 2 * SOON), "results go on"


def changed(load: Load, change: Any, to: Node) -> float:
    """Make it happen; how long it was until the new master was there and a result was told again."""
    began = time.monotonic()
    change()
    assert wait_until(lambda: role(to) == "master", SOON), "the replica is the master"
    more(load, 1)
    return time.monotonic() - began


def counted(load: Load) -> tuple[int, int]:
    """Results that were told and are unknown or others now; steps that began more than once."""
    forgotten = 0
    for name, told in list(load.results.items()):
        try:
            forgotten += load.durable.get(name).result(timeout=SOON) != told
        except PromiseNotFound:
            forgotten += 1
    return forgotten, sum(number > 1 for number in list(load.begun.values()))


def judge(load: Load, report: Report) -> None:
    """Everything ends, also what was forgotten, under its own id and with its own result."""
    report.executions, report.rollbacks = len(load.results), load.durable.store.rollbacks
    report.forgotten, report.repeated = counted(load)
    wrong = {name: found for name in load.results if (found := load.begin(name)) != STEPS}
    if wrong:
        report.broken.append(f"other results: {wrong}")
    pending = sum(load.durable.store.census().pending.values())
    if pending:
        report.broken.append(f"{pending} executions never ended")
    missing = STEPS * len(load.results) - len({label for label in load.begun if label.split()[0] in load.results})
    if missing:
        report.broken.append(f"{missing} steps never ran")
