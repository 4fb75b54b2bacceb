"""What a client sees of an execution: the answer to starting one, and the monitor it polls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Response, current_app, jsonify, url_for

from durable_celery import ExecutionFailed, State, StoreUnavailable
from webapp.problems import Problem, unknown_execution

if TYPE_CHECKING:
    from collections.abc import Mapping

    from durable_celery import Durable, Handle, Promise, Step

EXTENSION = "durable"
#: Seconds after which a client may ask again.
RETRY_AFTER = 1

#: A start that finds its execution ended badly says so with these; the monitor always answers 200.
_ENDINGS = {
    "failed": (500, "execution-failed"),
    "cancelled": (410, "cancelled"),
    "timed_out": (504, "timed-out"),
}


def durable() -> Durable:
    """Return what the running application starts executions with."""
    found: Durable = current_app.extensions[EXTENSION]
    return found


def find(execution_id: str, function: str) -> tuple[Handle[Any], Promise]:
    """Return the execution of this function by this id; what another function has is not found either."""
    handle = durable().get(execution_id)
    record = handle.promise()
    if record.function != function:
        raise unknown_execution(execution_id)
    return handle, record


def accepted(handle: Handle[Any], document: dict[str, Any], location: str) -> Response:
    """Answer a start: 202 while it runs, and once it ended what the first start would have got."""
    if document["status"] in _ENDINGS:
        status, kind = _ENDINGS[document["status"]]
        extra = {"id": handle.id, "error": document["error"], "links": document["links"]}
        detail = f"the execution {handle.id!r} {document['status'].replace('_', ' ')}"
        raise Problem(status, kind, detail, headers={"Content-Location": location}, **extra)
    answer = monitored(document)
    answer.headers["Location" if document["state"] == State.PENDING else "Content-Location"] = location
    if not handle.created:
        answer.headers["Idempotent-Replayed"] = "true"
    return answer


def monitored(document: dict[str, Any]) -> Response:
    """Answer a poll: 202 until the execution has ended, then 200."""
    answer = jsonify(document)
    answer.headers["Cache-Control"] = "no-store"
    if document["state"] == State.PENDING:
        answer.status_code = 202
        answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer


def events_url(execution_id: str) -> str:
    """Say where the events of an execution are: the API that is mounted beside these routes tells them."""
    return f"{url_for('durable.executions')}/{quote(execution_id, safe='')}/events"


def describe(
    handle: Handle[Any],
    record: Promise,
    steps: list[Step],
    progress: Mapping[str, Any],
    links: Mapping[str, str | None],
) -> dict[str, Any]:
    """Build the monitor's document, all but the result of what succeeded."""
    document: dict[str, Any] = {
        "id": record.id,
        "function": record.function,
        "state": str(record.state),
        "status": record.status,
        "worker": record.holder,
        "attempt": record.attempt,
        "created_at": record.created_at,
        "progress": dict(progress),
        "steps": [_step(step) for step in steps],
        "links": {name: link for name, link in links.items() if link},
    }
    if record.reason:
        document["reason"] = record.reason
    if record.state.settled and record.status != "succeeded":
        document["error"] = _error(handle)
    return document


def _step(step: Step) -> dict[str, Any]:
    document = {
        "id": step.id,
        "name": step.name,
        "kind": step.kind,
        "state": str(step.state),
        "started_at": step.started_at,
        "ended_at": step.ended_at,
    }
    return {**document, "error": step.error} if step.error else document


def _error(handle: Handle[Any]) -> dict[str, str]:
    try:
        handle.result(timeout=0)
    except StoreUnavailable:
        raise
    except ExecutionFailed as error:
        return {"type": error.type.rpartition(".")[2], "message": error.message}
    except Exception as error:
        return {"type": type(error).__name__, "message": str(error)}
    message = f"{handle.id!r} has a result, not an error"
    raise AssertionError(message)
