"""What an execution has done so far, for people: its journal as a list of steps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from durable_celery import ids
from durable_celery.codec import Codec
from durable_celery.journal import BODY, DELIVERED, GATE, TRY, Entry, decode_outcome
from durable_celery.promise import Promise, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One operation of an execution. Times are epoch milliseconds; `ended_at` is None while it is open."""

    id: str
    #: In the body: "3", or "3.1" for the first call inside the third local child.
    position: str
    name: str
    kind: str
    state: State
    started_at: int | None
    ended_at: int | None
    tries: int = 1
    error: str | None = None


def steps_of(promise: Promise, journal: Mapping[str, str], codec: Codec) -> list[Step]:
    """The recorded steps in order of position, and what is at work now: waiting for another try, or running."""
    steps = {
        path: _step(promise, path, Entry.decode(text), journal.get(path + DELIVERED), codec)
        for path, text in journal.items()
        if path[0] != GATE and TRY not in path and not path.endswith(DELIVERED)
    }
    for path, failed in sorted(_failed_tries(journal), key=lambda pair: pair[1].tries):
        if path not in journal and path != BODY:
            steps[path] = replace(
                _step(promise, path, failed, None, codec), kind="run", state=State.PENDING, ended_at=None
            )
    running = _running(promise)
    if running is not None and running[0] not in steps:
        steps[running[0]] = running[1]
    return [steps[path] for path in sorted(steps, key=_order)]


def _failed_tries(journal: Mapping[str, str]) -> list[tuple[str, Entry]]:
    """The failed tries that were followed by another, each with the path of its call."""
    return [
        (path.partition(TRY)[0], Entry.decode(text))
        for path, text in journal.items()
        if TRY in path and not path.endswith(DELIVERED)
    ]


def _step(promise: Promise, path: str, entry: Entry, delivered: str | None, codec: Codec) -> Step:
    state, payload = entry.state, entry.payload
    refers = entry.kind in ("rpc", "promise", "detached", "continue", "task") and state is State.PENDING
    if delivered is not None:
        outcome = decode_outcome(delivered)
        state, payload = outcome.state, outcome.value
    return Step(
        id=entry.payload if refers else ids.child_id(promise.id, path),
        position=path,
        name=entry.name,
        kind=entry.kind,
        state=state,
        started_at=entry.started_at,
        ended_at=entry.ended_at,
        tries=entry.tries,
        error=_message(payload, codec) if state is State.REJECTED else None,
    )


def _running(promise: Promise) -> tuple[str, Step] | None:
    if promise.holder is None or not promise.running:
        return None
    path, started_at, kind, name = promise.running.split(" ", 3)
    step = Step(
        id=ids.child_id(promise.id, path),
        position=path,
        name=name,
        kind=kind,
        state=State.PENDING,
        started_at=int(started_at),
        ended_at=None,
    )
    return path, step


def _message(payload: str, codec: Codec) -> str:
    record: Any = codec.decode(payload)
    return f"{record['type']}: {record['message']}" if isinstance(record, dict) and "type" in record else payload


def _order(path: str) -> list[int]:
    return [int(part) for part in re.split(r"\.", path)]
