"""What the admin's pages show of executions: plain values, long ones shortened. Templates escape them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from django.utils.text import Truncator

from durable_celery import ids
from durable_celery.codec import Codec
from durable_celery.django.mounted import api_link
from durable_celery.durable import Durable
from durable_celery.promise import Phase, Promise, State
from durable_celery.steps import Step, steps_of
from durable_celery.web.waiting import waiting_on, wakes_at

#: Characters shown of a value, and of a traceback, of which the end says most.
_SHOWN, _TRACED = 500, 2000
#: How many arguments are shown, and how many steps: the last ones, which are at work.
_ARGUMENTS, _STEPS = 50, 500
#: Steps that are promises of their own.
_PROMISES = ("rpc", "promise", "detached", "continue", "task")
_AGAIN = (State.REJECTED, State.CANCELED, State.TIMEDOUT)


def row(promise: Promise, codec: Codec) -> dict[str, Any]:
    """A line of the list."""
    tags = codec.decode(promise.tags) or {}
    return {
        "id": promise.id,
        "function": promise.function,
        "task": tags.get("task", ""),
        "status": promise.status,
        "attempt": promise.attempt,
        "created_at": moment(promise.created_at),
        "settled_at": moment(promise.settled_at),
    }


def detail(durable: Durable, promise: Promise, journal: Mapping[str, str]) -> dict[str, Any]:
    """All that is shown of one."""
    codec, waits = durable.codec, waiting_on(promise, journal)
    args, kwargs = (codec.decode(promise.args) if promise.is_execution else None) or ([], {})
    steps = steps_of(promise, journal, codec)
    return {
        "id": promise.id,
        "status": promise.status,
        "facts": [(name, value) for name, value in _facts(promise, codec, waits) if value not in ("", None)],
        "args": [shortened(each) for each in args[:_ARGUMENTS]],
        "kwargs": {name: shortened(each) for name, each in [*kwargs.items()][:_ARGUMENTS]},
        "result": shortened(codec.decode(promise.value)) if promise.state is State.RESOLVED else None,
        "error": _error(promise, codec),
        "steps": [_step(each) for each in steps[-_STEPS:]],
        "earlier": max(0, len(steps) - _STEPS),
        "waits": [{**each, "until": moment(each.get("until"))} for each in waits],
        "parent": ids.parent_of(promise.id),
        "api": api_link(promise.id, promise.function),
        "may_cancel": promise.is_execution and not promise.state.settled,
        "may_resume": promise.is_execution and (promise.phase is Phase.PARKED or promise.state in _AGAIN),
        "again": promise.state in _AGAIN,
    }


def moment(ms: int | None) -> str | None:
    """An instant to the second, in the time zone of the site."""
    if ms is None:
        return None
    return f"{timezone.localtime(datetime.fromtimestamp(ms / 1000, UTC)):%Y-%m-%d %H:%M:%S}"


def shortened(value: Any, most: int = _SHOWN) -> str:
    """A value as text, with its beginning only when it is long."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return str(Truncator(text[: most * 2]).chars(most))


def _facts(promise: Promise, codec: Codec, waits: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    progress = codec.decode(promise.progress)
    tags = codec.decode(promise.tags)
    return [
        ("Function", promise.function),
        ("Version", promise.version if promise.version != 1 else None),
        ("Status", promise.status),
        ("Parked because", promise.reason if promise.phase is Phase.PARKED else None),
        ("Progress", shortened(progress) if progress else None),
        ("Attempt", promise.attempt if promise.is_execution else None),
        ("Crashes", promise.crashes or None),
        ("Queue", promise.queue),
        ("Worker", promise.holder),
        ("Tags", shortened(tags) if tags else None),
        ("Created", moment(promise.created_at)),
        ("Started", moment(promise.started_at)),
        ("Goes on", moment(wakes_at(promise, waits))),
        ("Deadline", moment(promise.deadline_at)),
        ("Ended", moment(promise.settled_at)),
    ]


def _error(promise: Promise, codec: Codec) -> dict[str, str] | None:
    if promise.state is not State.REJECTED:
        return None
    said = codec.decode(promise.value)
    if not isinstance(said, dict) or "type" not in said:
        return {"type": "rejected", "message": shortened(said), "traceback": ""}
    message = str(Truncator(str(said.get("message", ""))).chars(_SHOWN))
    return {"type": str(said["type"]), "message": message, "traceback": str(said.get("traceback", ""))[-_TRACED:]}


def _step(step: Step) -> dict[str, Any]:
    ended_at = step.ended_at
    took = None if ended_at is None or step.started_at is None else f"{(ended_at - step.started_at) / 1000:.3f} s"
    return {
        "id": step.id if step.kind in _PROMISES else None,
        "position": step.position,
        "name": step.name,
        "kind": step.kind,
        "state": str(step.state),
        "tries": step.tries,
        "started_at": moment(step.started_at),
        "took": took,
        "error": str(Truncator(step.error or "").chars(_SHOWN)),
    }
