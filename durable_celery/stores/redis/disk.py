"""Disk: with `strict` durability, whether Redis has on its disk what it was told to write."""

from __future__ import annotations

import time
from typing import Any

import redis
from redis import exceptions

from durable_celery.errors import NotOnDisk, StoreMisconfigured
from durable_celery.settings import Durability

#: Verbs after which somebody goes by what was written, or tells it to the world. A lost
#: heartbeat, sweep or release is made up for by the end of a lease.
RELIED_ON = frozenset(
    (
        *("create", "claim", "checkpoint", "spawn", "suspend", "fulfil", "settle", "cancel"),
        *("heed", "park", "resume", "reseal"),
    )
)
#: The share of a call's time that Redis may take for its disk.
_SHARE = 0.8
#: An answer to WAITAOF that is quicker than this did not wait for the fsync of each second.
_AT_ONCE_S = 0.1
_PROBE_MS = 3000


class Disk:
    """Asks with every write that is relied on, in the same round trip, where the server has WAITAOF."""

    def __init__(self, durability: Durability, timeout_s: float) -> None:
        self.strict = durability is Durability.STRICT
        self._question = ("WAITAOF", 1, 0, int(timeout_s * _SHARE * 1000)) if self.strict else None

    def question(self, verb: str) -> tuple[str | int, ...] | None:
        """The command to send behind a verb's script; None when nothing has to be waited for."""
        return self._question if verb in RELIED_ON else None

    def heard(self, reply: Any, client: redis.Redis) -> None:
        """Raise NotOnDisk, or StoreMisconfigured, unless Redis says that its disk has the write."""
        if isinstance(reply, exceptions.ResponseError):
            if not _absent(reply):
                raise _refused(reply)
            if fsync_of(client) != "always":
                raise StoreMisconfigured(NO_WAITAOF) from reply
            self._question = None  # such a server answers when its disk has it
        elif int(reply[0]) < 1:
            raise NotOnDisk(
                "Redis has the write in its memory and did not confirm in time that its disk has it "
                "(durable_durability is 'strict'). Call again with the same id: what is done is not done twice"
            )


def check(client: redis.Redis, key: str) -> None:
    """Refuse a server that cannot be shown to have on its disk what it acknowledges; `key` is written to find out."""
    fsync = fsync_of(client)
    if fsync == "always":
        return
    try:
        waits_s = min(_wait_s(client, key) for _ in range(2))
    except exceptions.ResponseError as error:
        if _absent(error):
            raise StoreMisconfigured(NO_WAITAOF) from None
        raise _refused(error) from error
    if waits_s < _AT_ONCE_S:
        raise StoreMisconfigured(HASTY_WAITAOF)


def fsync_of(client: redis.Redis) -> str | None:
    """Its appendfsync; None where CONFIG is forbidden."""
    try:
        answer: Any = client.config_get("appendfsync")
    except exceptions.ResponseError:
        return None
    found = answer.get("appendfsync")
    return None if found is None else str(found)


def _wait_s(client: redis.Redis, key: str) -> float:
    """Seconds that a new write takes to the disk; the second in a row takes up to one, by `everysec`."""
    with client.pipeline(transaction=False) as pipeline:
        began = time.monotonic()
        pipeline.incr(key)
        pipeline.execute_command("WAITAOF", 1, 0, _PROBE_MS)  # type: ignore[no-untyped-call]
        on_disk = int(pipeline.execute()[1][0])
    if not on_disk:
        raise StoreMisconfigured(
            f"durable_durability is 'strict', and a write was not on this Redis' disk after {_PROBE_MS / 1000:g} s: "
            "set `appendfsync always`"
        )
    return time.monotonic() - began


def _absent(error: exceptions.ResponseError) -> bool:
    return isinstance(error, exceptions.NoPermissionError) or "unknown command" in str(error).lower()


def _refused(error: exceptions.ResponseError) -> Exception:
    if "replica" in str(error):  # it has just become one, before or while it waited
        return exceptions.ReadOnlyError(str(error))
    if "appendonly is disabled" in str(error):
        return StoreMisconfigured(
            "durable_durability is 'strict', and this Redis has no append-only file: "
            "set `appendonly yes` and `appendfsync always`"
        )
    return error


NO_WAITAOF = (
    "durable_durability is 'strict', and this Redis has no WAITAOF (it came with Redis 7.2) and does not say that its "
    "appendfsync is always: set `appendonly yes` and `appendfsync always` and allow this user `CONFIG GET`, "
    "or choose durable_durability = 'relaxed'"
)
HASTY_WAITAOF = (
    "durable_durability is 'strict', and WAITAOF of this Redis answers before its disk has the write (a defect of "
    "several releases of Redis and Valkey with `appendfsync everysec`, redis/redis#13793), or it does not tell its "
    "settings: set `appendfsync always` and allow this user `CONFIG GET`, or choose durable_durability = 'relaxed'"
)
