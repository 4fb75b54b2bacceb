"""What a suspended execution waits for, as its journal says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from durable_celery import ids
from durable_celery.journal import BODY, DELIVERED, GATE, TRY, Entry
from durable_celery.promise import Phase, Promise, State

#: Begun and left to themselves.
_UNAWAITED = ("detached", "continue")


def waiting_on(promise: Promise, journal: Mapping[str, str]) -> list[dict[str, Any]]:
    """Timers (`until`, epoch ms) and promises (`id`) that are open; nothing when it does not wait."""
    if promise.phase is not Phase.SUSPENDED:
        return []
    found: list[dict[str, Any]] = []
    for path, text in journal.items():
        if path.startswith(GATE) or path.endswith(DELIVERED) or path + DELIVERED in journal:
            continue
        call, retry, _ = path.partition(TRY)
        entry = Entry.decode(text)
        if retry:
            over = (call != BODY and call in journal) or f"{call}{TRY}{entry.tries + 1}" in journal
            if not over:
                found.append({"kind": "retry", "name": entry.name, "tries": entry.tries, "until": entry.ended_at})
        elif entry.state is State.PENDING and entry.kind == "sleep":
            found.append({"kind": "sleep", "id": ids.child_id(promise.id, path), "until": int(entry.payload)})
        elif entry.state is State.PENDING and entry.kind not in _UNAWAITED:
            found.append({"kind": entry.kind, "name": entry.name, "id": entry.payload})
    return found


def wakes_at(promise: Promise, waits: list[dict[str, Any]]) -> int | None:
    """When it goes on by itself (epoch ms): the first timer, or the end of its delay."""
    if promise.phase is Phase.READY:
        return promise.not_before_at if promise.attempt == 0 else None
    return min((each["until"] for each in waits if each.get("until")), default=None)
