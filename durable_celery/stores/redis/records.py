"""Redis' flat replies as the records of the contract, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from durable_celery.promise import Phase, Promise, State
from durable_celery.store import NewPromise, Ready
from durable_celery.stores.redis.keys import FIELDS


def pairs(flat: Sequence[Any]) -> dict[str, Any]:
    """`[k, v, k, v]` as a mapping; also takes a mapping, which newer protocols answer."""
    if isinstance(flat, dict):
        return dict(flat)
    return dict(zip(flat[::2], flat[1::2], strict=True))


def promise(promise_id: str, flat: Sequence[Any], now_ms: int | None = None) -> Promise:
    """A record. With `now_ms` it is projected: a passed deadline reads as settled."""
    h = pairs(flat)
    get = h.get
    state, settled_at, deadline_at = State.of(h["s"]), _number(get("z")), _number(get("d"))
    phase = Phase(get("t", "-"))
    if now_ms is not None and state is State.PENDING and deadline_at is not None and deadline_at <= now_ms:
        state, settled_at = (State.RESOLVED if get("tm") == "1" else State.TIMEDOUT), deadline_at
        phase = Phase.NONE if phase is Phase.NONE else Phase.DONE
    return Promise(
        id=promise_id,
        state=state,
        phase=phase,
        function=get("f", ""),
        version=int(get("v", 1)),
        args=get("a", ""),
        digest=get("dg", ""),
        value=get("o", ""),
        queue=get("q", ""),
        priority=get("pr", ""),
        canvas=get("cv", ""),
        parent=get("p", ""),
        tree=get("rt", ""),
        holder=get("w") if phase is Phase.ACQUIRED else None,
        attempt=int(get("e", 0)),
        crashes=int(get("cr", 0)),
        reason=get("why", ""),
        running=get("run", "") if state is State.PENDING else "",
        tags=get("tg", ""),
        key_for_create=get("k", ""),
        key_for_settle=get("K", ""),
        mirror=get("m") == "1",
        mirrored=get("md") == "1",
        created_at=int(get("c", 0)),
        started_at=_number(get("st")),
        settled_at=settled_at,
        deadline_at=deadline_at,
        not_before_at=_number(get("nb")),
        sent_at=_number(get("sd")),
        sends=int(get("ns", 0)),
    )


def fields(new: NewPromise) -> list[str | int]:
    """A new record's fields and values, as `create` and `spawn` write them."""
    wanted: dict[str, str | int] = {
        "phase": (Phase.READY if new.function else Phase.NONE).value,
        "function": new.function,
        "version": new.version if new.version != 1 else "",
        "args": new.args,
        "digest": new.digest,
        "queue": new.queue,
        "priority": new.priority,
        "canvas": new.canvas,
        "parent": new.parent,
        "tree": new.tree or new.id,
        "tags": new.tags,
        "key_for_create": new.key,
        "timer": "1" if new.timer else "",
        "mirror": "1" if new.mirror else "",
        "retention_ms": new.retention_ms,
    }
    flat: list[str | int] = []
    for name, value in wanted.items():
        if value != "":
            flat += [FIELDS[name], value]
    return flat


def ready(rows: Iterable[Sequence[str]]) -> tuple[Ready, ...]:
    """The rows that scripts answer for publishing."""
    return tuple(Ready(row[0], row[1], int(row[2]), row[3], row[4], row[5], int(row[6])) for row in rows)


def _number(text: str | None) -> int | None:
    return int(float(text)) if text else None
