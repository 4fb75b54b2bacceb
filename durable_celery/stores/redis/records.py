"""Redis' flat replies as the records of the contract, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from durable_celery.journal import FORMAT
from durable_celery.looking import Lines
from durable_celery.newpromise import NewPromise
from durable_celery.promise import Access, Phase, Promise, State
from durable_celery.store import Await, Change, Ready
from durable_celery.stores.redis.keys import FIELDS


def _named(*names: str) -> tuple[tuple[str, str], ...]:
    """Each with what it is called in Redis."""
    return tuple((name, FIELDS[name]) for name in names)


#: Fields of a record that are a text.
_TEXTS = _named(
    *("function", "args", "digest", "value", "queue", "priority", "canvas", "parent", "tree"),
    *("reason", "tags", "progress", "key_for_create", "key_for_settle", "object", "held"),
)
#: Fields that are a number.
_NUMBERS = _named("version", "attempt", "crashes", "created_at", "sends", "logged")
#: Fields that are an instant, or empty.
_INSTANTS = _named("started_at", "not_before_at", "cancel_at", "sent_at")
_PHASES = {phase.value: phase for phase in Phase}
_ACCESSES = {access.value: access for access in Access}


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
    phase = _PHASES[get("t", "-")]
    if now_ms is not None and state is State.PENDING and deadline_at is not None and deadline_at <= now_ms:
        state, settled_at = _verdict(h), deadline_at
        phase = Phase.NONE if phase is Phase.NONE else Phase.DONE
    said: dict[str, Any] = {name: h[field] for name, field in _TEXTS if field in h}
    said.update((name, int(h[field])) for name, field in _NUMBERS if field in h)
    said.update((name, _number(h[field])) for name, field in _INSTANTS if field in h)
    return Promise(
        id=promise_id,
        state=state,
        phase=phase,
        holder=get("w") if phase is Phase.ACQUIRED else None,
        running=get("run", "") if state is State.PENDING else "",
        mirror=get("m") == "1",
        mirrored=get("md") == "1",
        settled_at=settled_at,
        deadline_at=deadline_at,
        access=_ACCESSES[get("ac", "")],
        **said,
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
        "tombstone_ms": new.tombstone_ms or "",
        "object": new.object,
        "access": new.access.value,
        "held": new.held,
        "format": FORMAT if FORMAT > 1 else "",
    }
    flat: list[str | int] = []
    for name, value in wanted.items():
        if value != "":
            flat += [FIELDS[name], value]
    return flat


def ready(rows: Iterable[Sequence[str]]) -> tuple[Ready, ...]:
    """The rows that scripts answer for publishing."""
    return tuple(Ready(row[0], row[1], int(row[2]), row[3], row[4], row[5], int(row[6])) for row in rows)


def flat(entries: Sequence[tuple[str, str]]) -> list[str | int]:
    """Entries as scripts take them."""
    return [part for entry in entries for part in entry]


def marked(changes: Sequence[Change], log: Lines | None = None) -> list[str | int]:
    """What scripts do beside the entries: s and d change the state of an object, l logs a line."""
    done: list[str | int] = []
    for name, text in changes:
        done += ("d", name, "") if text is None else ("s", name, text)
    for line in () if log is None else log.texts:
        done += ("l", log.most if log else 0, line)
    return done


def printable(reason: str) -> str:
    """A text about an error may quote half a surrogate pair, which has no UTF-8 form."""
    return reason.encode("utf-8", "backslashreplace").decode()


def _verdict(h: dict[str, Any]) -> State:
    """What a passed deadline makes of a promise."""
    if h["d"] == h.get("cx"):
        return State.CANCELED
    return State.RESOLVED if h.get("tm") == "1" else State.TIMEDOUT


def _number(text: str | None) -> int | None:
    return int(float(text)) if text else None


def awaited(one: Await) -> list[str | int]:
    """What `suspend` is told of one that is waited for."""
    if one.due_at is not None:
        return [one.path, "t", one.due_at]
    return [one.path, "p", one.promise_id]
