"""What a Redis must be set up like before promises are trusted to it."""

from __future__ import annotations

import logging
from typing import Any

import redis
from redis.exceptions import ResponseError

from durable_celery.errors import StoreMisconfigured
from durable_celery.settings import Durability
from durable_celery.stores.redis import disk
from durable_celery.stores.redis.keys import LAYOUT
from durable_celery.stores.redis.nodes import Server

logger = logging.getLogger("durable_celery")


def check(server: Server, key_prefix: str, durability: Durability, seq: str) -> None:
    """Refuse a server that may evict keys, holds another layout, or cannot be as durable as was asked for.

    `seq` is the key of the store's count, which may be counted up. What cannot be known is warned of.
    """
    client, meta = server.at(seq), f"{key_prefix}:meta"
    memory = _info(client, "memory")
    policy = memory.get("maxmemory_policy", "noeviction")
    if int(memory.get("maxmemory", 0)) > 0 and policy != "noeviction":
        raise StoreMisconfigured(
            f"this Redis has maxmemory set and maxmemory-policy {policy}: it would delete promises to make room. "
            "Set it with `CONFIG SET maxmemory-policy noeviction` and in redis.conf, "
            "or give durable_store_url a Redis of its own"
        )
    _check_persistence(client, durability, seq)
    _check_layout(server.at(meta), meta)


def _check_persistence(client: redis.Redis, durability: Durability, seq: str) -> None:
    if durability is Durability.STRICT:
        disk.check(client, seq)
        return
    persistence, fsync = _info(client, "persistence"), disk.fsync_of(client)
    if persistence and not int(persistence.get("aof_enabled", 0)):
        logger.warning(
            "this Redis has no append-only file: a restart loses every promise since its last snapshot. "
            "Set `appendonly yes` (and `appendfsync always` to lose nothing that was acknowledged)"
        )
    elif fsync == "no":
        logger.warning(
            "this Redis has appendfsync no: a power cut loses what its kernel had not written by then, "
            "often half a minute. Set `appendfsync everysec`"
        )
    elif not persistence or fsync is None:
        logger.warning(
            "this Redis does not let its settings be seen. Make sure that it has `appendonly yes`, `appendfsync "
            "everysec` or always, and `maxmemory-policy noeviction`, or allow this user INFO and `CONFIG GET`"
        )


def _check_layout(client: redis.Redis, meta: str) -> None:
    client.hsetnx(meta, "layout", str(LAYOUT))
    client.hsetnx(meta, "partitions", "1")
    found: Any = client.hmget(meta, ["layout", "partitions"])
    if [str(part) for part in found] != [str(LAYOUT), "1"]:
        raise StoreMisconfigured(
            f"{meta} says layout {found[0]} with {found[1]} partitions; this release reads layout {LAYOUT} "
            "with 1 partition. Use the release that wrote it, or another durable_key_prefix"
        )


def _info(client: redis.Redis, section: str) -> dict[str, Any]:
    try:
        answer: Any = client.info(section)
    except ResponseError:  # managed servers may forbid INFO
        return {}
    return dict(answer)
