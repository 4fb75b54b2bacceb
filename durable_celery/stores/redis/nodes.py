"""Where in Redis a key lives: one server, or the node of a Redis Cluster that has its slot now.

A partition is one slot, so a store talks to one node at a time. While the keys
of that slot are carried to another node one by one, a script could run on
neither of the two without missing some of them. It names the partition's
prefix as its key, which never exists: so the old node answers every script
with ASK, and nothing here follows an ASK. The call is tried again until all
keys are there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

import redis
from redis import exceptions
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.crc import key_slot
from redis.retry import Retry

from durable_celery.errors import StoreMisconfigured
from durable_celery.stores.redis import wire
from durable_celery.stores.redis.pool import Pool

#: What a URL of a cluster begins with, and what those of its nodes do.
_SCHEMES = {"redis+cluster": "redis", "rediss+cluster": "rediss"}
_PORT = 6379
#: Celery's URLs may say `ssl_cert_reqs=CERT_REQUIRED`, which is `required` to redis-py.
_CELERYS = re.compile(r"(?<=[?&]ssl_cert_reqs=)CERT_(REQUIRED|OPTIONAL|NONE)\b")


class Server(Protocol):
    """One Redis or several, as a client sees them."""

    @property
    def alone(self) -> redis.Redis | None:
        """A client of the one server that has every key for good; None where keys are carried from one to another."""

    def at(self, key: str) -> redis.Redis:
        """A client of the server that has this key; looks for it in a cluster, and may raise what redis-py raises."""

    def everywhere(self) -> list[redis.Redis]:
        """A client of every server there is, but for those that the others have given up."""

    def renew(self) -> None:
        """Look again where the keys are, when the next one is asked for."""

    def close(self) -> None:
        """Give the connections back."""


class Alone:
    """One server, which has every key."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    @property
    def alone(self) -> redis.Redis | None:
        return self._client

    def at(self, key: str) -> redis.Redis:
        return self._client

    def everywhere(self) -> list[redis.Redis]:
        return [self._client]

    def renew(self) -> None:
        """There is nowhere else to look."""

    def close(self) -> None:
        self._client.connection_pool.disconnect()


class Cluster:
    """The nodes of a Redis Cluster, found through any of those in the URL or met since.

    Needs no lock, which a fork might leave taken: what two threads find out at once is the same.
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self._url = urlsplit(url)
        self._timeout_s = timeout_s
        self._clients: dict[str, redis.Redis] = {}
        self._seeds = [_address(part) for part in self._url.netloc.rpartition("@")[2].split(",")]
        self._nodes: list[str] = []
        self._last = self._guide = ""
        self._found: dict[str, redis.Redis] = {}

    @property
    def alone(self) -> redis.Redis | None:
        return None

    def at(self, key: str) -> redis.Redis:
        found = self._found.get(key)
        if found is None:
            slot = key_slot(key.encode())
            for address, ranges in self._look().items():
                if any(first <= slot <= last for first, last in ranges):
                    found = self._found[key] = self._client(address)
                    self._last = address
                    return found
            raise exceptions.ClusterDownError(f"CLUSTERDOWN no node has the slot {slot}")
        return found

    def everywhere(self) -> list[redis.Redis]:
        return [self._client(address) for address in self._look()]

    def renew(self) -> None:
        self._found = {}

    def close(self) -> None:
        for client in self._clients.values():
            client.connection_pool.disconnect()

    def _look(self) -> dict[str, list[tuple[int, int]]]:
        """Every node, and its slots, as the first that answers sees it: who did before, and last who was in trouble."""
        trouble: Exception | None = None
        for address in sorted({*self._seeds, *self._nodes}, key=self._rank):
            try:
                text, _ = wire.call(self._client(address), ("CLUSTER", "NODES"))
            except exceptions.AuthenticationError:
                raise
            except exceptions.ResponseError as error:
                if "cluster support disabled" in str(error):
                    raise StoreMisconfigured(
                        f"the Redis at {address} is no Redis Cluster: let durable_store_url begin with redis://"
                    ) from None
                trouble = error
            except (exceptions.RedisError, OSError) as error:
                trouble = error
            else:
                nodes = dict(_nodes(text, self._url.scheme, host=address.rpartition(":")[0]))
                self._nodes, self._guide = list(nodes), address
                return nodes
        raise exceptions.ConnectionError(f"no node of the Redis Cluster answers: {trouble}")

    def _rank(self, address: str) -> tuple[bool, bool]:
        return address == self._last, address != self._guide

    def _client(self, address: str) -> redis.Redis:
        client = self._clients.get(address)
        if client is None:
            user, at, _ = self._url.netloc.rpartition("@")
            url = SplitResult(_SCHEMES[self._url.scheme], user + at + address, "", self._url.query, "").geturl()
            client = self._clients.setdefault(address, connect(url, timeout_s=self._timeout_s))
        return client


def opened(server: str | redis.Redis | RedisCluster, *, timeout_s: float) -> Server:
    """What a URL or a client stands for; nothing is connected yet."""
    if isinstance(server, RedisCluster):
        raise StoreMisconfigured("for a Redis Cluster give RedisStore a URL: redis+cluster://host:port,host:port")
    if isinstance(server, str):
        if urlsplit(server).scheme in _SCHEMES:
            return Cluster(server, timeout_s=timeout_s)
        return Alone(connect(server, timeout_s=timeout_s))
    if not server.get_encoder().decode_responses:
        raise StoreMisconfigured("RedisStore needs a client made with decode_responses=True, or a URL")
    return Alone(server)


def connect(url: str, *, timeout_s: float) -> redis.Redis:
    """A client that does not retry by itself: how long a call may take is decided by Connection, not there."""
    pool = Pool.from_url(
        _CELERYS.sub(lambda found: found[1].lower(), url),
        decode_responses=True,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        health_check_interval=0,
        retry=Retry(NoBackoff(), 0),
    )
    return redis.Redis(connection_pool=pool)


def subscriber(client: redis.Redis) -> redis.client.PubSub:
    """A connection for listening, not subscribed to anything yet."""
    pubsub: redis.client.PubSub = client.pubsub(ignore_subscribe_messages=False)  # type: ignore[no-untyped-call]
    return pubsub


def _address(part: str) -> str:
    ported = part.rpartition(":")[2].isdigit() and not part.endswith("]")
    return part if ported else f"{part}:{_PORT}"


def _nodes(text: str, scheme: str, *, host: str) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """Addresses and slots out of `CLUSTER NODES`, whose lines are: id, address, flags, five more, slots."""
    for line in text.splitlines():
        _, at, flags, *rest = line.split()
        if {"noaddr", "handshake", "fail"} & set(flags.split(",")):
            continue
        numbers, _, name = at.partition(",")
        ip, _, port = numbers.partition("@")[0].rpartition(":")
        named = name.split(",")[0]  # a certificate is made out to the name
        where = named if named and scheme.startswith("rediss") else f"[{ip}]" if ":" in ip else ip or host
        spans = [span.partition("-") for span in rest[5:] if not span.startswith("[")]
        yield f"{where}:{port}", [(int(first), int(last or first)) for first, _, last in spans]
