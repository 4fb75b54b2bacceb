"""A Redis Cluster for tests: three servers, each with a third of the slots, none with a replica."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import redis
from redis.crc import key_slot

from durable_celery.dev.child import wait_until
from durable_celery.dev.ports import free_port
from durable_celery.dev.server import HOST, EmbeddedRedis
from durable_celery.stores.redis.keys import prefix

#: The one slot that a store's partition is in, whatever its key prefix.
SLOT = key_slot(prefix("dc", 0).encode())
_THIRDS = ((0, 5460), (5461, 10922), (10923, 16383))
_START_S = 30


class Node(EmbeddedRedis):
    """One server of a cluster."""

    #: The bus would listen 10,000 ports higher, which may be no port.
    _bus: int | None = None

    def _command(self, binary: Path) -> list[str | Path]:
        self._bus = self._bus or free_port(HOST)
        bus = ("--cluster-port", str(self._bus), "--cluster-node-timeout", "2000")
        return [*super()._command(binary), "--cluster-enabled", "yes", *bus]

    def client(self) -> redis.Redis:
        """Talks to this node and no other."""
        return redis.Redis(host=HOST, port=self.port, decode_responses=True)

    def ask(self, *command: str | int) -> Any:
        """The answer to one command."""
        with self.client() as client:
            return client.execute_command(*command)  # type: ignore[no-untyped-call]

    @property
    def id(self) -> str:
        """By which the others know it."""
        return str(self.ask("CLUSTER", "MYID"))


class TestCluster:
    """Three nodes that make one store."""

    __test__ = False

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes

    @property
    def url(self) -> str:
        """Names all of them."""
        return "redis+cluster://" + ",".join(f"{HOST}:{node.port}" for node in self.nodes)

    def clear(self) -> None:
        """Delete everything."""
        for node in self.nodes:
            node.ask("FLUSHALL")

    def owner(self) -> Node:
        """Who has the partition, as far as it knows itself."""
        (found,) = (node for node in self.nodes if any(low <= SLOT <= high for low, high in _slots(node)))
        return found

    def other(self) -> Node:
        """One that has not got the partition."""
        return next(node for node in self.nodes if node is not self.owner())

    def carry(self, to: Node, halfway: Callable[[], object] = lambda: None) -> None:
        """Give the partition's slot to another node, key by key, as `redis-cli --cluster reshard` does."""
        source = self.owner()
        to.ask("CLUSTER", "SETSLOT", SLOT, "IMPORTING", source.id)
        source.ask("CLUSTER", "SETSLOT", SLOT, "MIGRATING", to.id)
        count = int(source.ask("CLUSTER", "COUNTKEYSINSLOT", SLOT))
        try:
            self._move(source, to, count // 2)
            halfway()
        finally:
            self._move(source, to, count)
            for node in (to, source, *self.nodes):
                node.ask("CLUSTER", "SETSLOT", SLOT, "NODE", to.id)

    def _move(self, source: Node, to: Node, most: int) -> None:
        """Up to so many keys."""
        for first in range(0, most, 20):
            keys = source.ask("CLUSTER", "GETKEYSINSLOT", SLOT, min(20, most - first))
            if keys:
                source.ask("MIGRATE", HOST, to.port, "", 0, 5000, "KEYS", *keys)

    def join(self) -> None:
        """Make one cluster of the three, and wait until all of them say so."""
        for node, (first, last) in zip(self.nodes, _THIRDS, strict=True):
            node.ask("CLUSTER", "ADDSLOTSRANGE", first, last)
        for number, node in enumerate(self.nodes):
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            bus = int(str(_line(node)[1]).partition("@")[2].split(",")[0])
            self.nodes[0].ask("CLUSTER", "MEET", HOST, node.port, bus)
        assert wait_until(lambda: all(self._settled(node) for node in self.nodes), _START_S), "the cluster is up"

    def _settled(self, node: Node) -> bool:
        with node.client() as client:
            info: Any = client.execute_command("CLUSTER", "INFO")  # type: ignore[no-untyped-call]
        found = info if isinstance(info, dict) else dict(row.split(":") for row in str(info).split())
        return found["cluster_state"] == "ok" and found["cluster_known_nodes"] == "3"


def _line(node: Node) -> list[str]:
    """What a node says of itself."""
    with node.client() as client:
        connection = client.connection_pool.get_connection()
        connection.send_command("CLUSTER", "NODES")  # type: ignore[no-untyped-call]
        text = str(connection.read_response())
        client.connection_pool.release(connection)
    (mine,) = (line.split() for line in text.splitlines() if "myself" in line)
    return mine


def _slots(node: Node) -> list[tuple[int, int]]:
    spans = [span.partition("-") for span in _line(node)[8:] if not span.startswith("[")]
    return [(int(low), int(high or low)) for low, _, high in spans]


@contextlib.contextmanager
def cluster() -> Iterator[TestCluster]:
    """Three servers for this block."""
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(Node(appendfsync="no")) for _ in range(3)]
        made = TestCluster(nodes)
        made.join()
        yield made
