"""What is answered: values, and problem documents as the exceptions they stand for."""

from __future__ import annotations

import json
from typing import Any

from durable_celery.client.asking import Answer
from durable_celery.errors import (
    AlreadySettled,
    Cancelled,
    DeadlockError,
    ExecutionFailed,
    FunctionNotFound,
    IdConflict,
    InvalidId,
    InvalidValue,
    Parked,
    PayloadTooLarge,
    PromiseNotFound,
    Rejected,
    RetryableError,
    StoreUnavailable,
    TerminalError,
    TimedOut,
)

_PROBLEM = "application/problem+json"
_ACCEPTED, _FINE, _FAULT = 202, range(200, 300), 500
#: Said by something between here and the server; the server said nothing.
_GATEWAY = {502, 503, 504}
#: How an invocation ended, or where it stands, by the type of the problem.
_STATUS = {
    "cancelled": "cancelled",
    "timed-out": "timed_out",
    "parked": "parked",
    "execution-failed": "failed",
    "deadlock": "failed",
}


def fine(answer: Answer) -> bool:
    """Whether it is no problem."""
    return answer.status in _FINE


def pending(answer: Answer) -> bool:
    """Whether it says only that the invocation is not over."""
    return answer.status == _ACCEPTED


def from_between(answer: Answer) -> bool:
    """Whether a gateway answered in place of the server."""
    return answer.status in _GATEWAY and not answer.content_type.startswith(_PROBLEM)


def said(answer: Answer) -> dict[str, Any]:
    """The document of an answer; an empty one when it has none."""
    try:
        document = json.loads(answer.content)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def status_of(answer: Answer) -> str:
    """One word for how an invocation stands; empty when the answer does not say."""
    if pending(answer):
        return str(said(answer).get("status", "pending"))
    if fine(answer):
        return "succeeded"
    return _STATUS.get(_kind(said(answer)), "")


def over(answer: Answer) -> bool:
    """Whether it was too late to cancel."""
    return _kind(said(answer)) == "already-terminal"


def error_of(answer: Answer, about: str, idempotency_key: str | None = None) -> Exception:
    """The exception that a problem stands for; `about` is the handler, invocation or awakeable it is about."""
    document = said(answer)
    detail = str(document.get("detail") or f"{about} was answered with HTTP status {answer.status}")
    known = str(document.get("invocationId") or about)
    match _kind(document):
        case "unknown-function":
            return FunctionNotFound(about)
        case "unknown-execution":
            return PromiseNotFound(about)
        case "invalid-arguments":
            return _invalid(document, detail)
        case "bad-json":
            return InvalidValue("$", detail)
        case "bad-id":
            return InvalidId(detail)
        case "body-too-large":
            return PayloadTooLarge(detail)
        case "id-conflict":
            return IdConflict(known, f"an execution of {about!r} with other arguments")
        case "idempotency-key-reused":
            return IdConflict(idempotency_key or known, f"an execution of {about!r} with other arguments")
        case "already-settled":
            return AlreadySettled(about, str(document.get("state") or "settled"))
        case "store-unavailable":
            return StoreUnavailable(detail)
        case kind if kind in _STATUS:
            return _ended(kind, document, known, detail, answer.status)
    return TerminalError(detail, answer.status)


def _ended(kind: str, document: dict[str, Any], invocation_id: str, detail: str, status: int) -> Exception:
    """How an invocation ended, or why it does not."""
    match kind:
        case "cancelled":
            return Cancelled(invocation_id)
        case "timed-out":
            return TimedOut(invocation_id)
        case "parked":
            return Parked(invocation_id, detail)
        case "deadlock":
            return DeadlockError(detail, status)
    return _raised(document.get("error"), detail, status)


def _raised(error: Any, detail: str, status: int) -> Exception:
    """What the handler raised; only names travel, and classes of an application are not looked for."""
    error = error if isinstance(error, dict) else {}
    name, message = str(error.get("type", "")), str(error.get("message", detail))
    if name == Rejected.__name__:
        return Rejected(message)
    if name == RetryableError.__name__:
        return RetryableError(message, status)
    if name == TerminalError.__name__ or status != _FAULT or not name:
        return TerminalError(message, status)
    return ExecutionFailed(name, message)


def _invalid(document: dict[str, Any], detail: str) -> InvalidValue:
    errors = document.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    return InvalidValue(str(document.get("path") or "$"), str(first.get("reason") or detail))


def _kind(document: dict[str, Any]) -> str:
    """The last word of the type, whatever address stands before it."""
    return str(document.get("type", "")).rstrip("/").rpartition("/")[2]
