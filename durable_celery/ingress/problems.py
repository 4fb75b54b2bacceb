"""Every error as RFC 9457 `application/problem+json`, and nothing in it of what others were called with."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from durable_celery.codec import Codec
from durable_celery.errors import (
    DeadlockError,
    IdConflict,
    InvalidId,
    InvalidValue,
    NotSerializable,
    Parked,
    PayloadTooLarge,
    PromiseNotFound,
    RetryableError,
    StoreFull,
    StoreUnavailable,
    TerminalError,
)
from durable_celery.errors.problem import Problem
from durable_celery.promise import Outcome, Promise, State

logger = logging.getLogger("durable_celery")

MEDIA_TYPE = "application/problem+json"
#: Seconds after which a client may ask again when the store did not answer.
_RETRY_AFTER = "5"
_KINDS = {
    HTTPStatus.NOT_FOUND: (
        "unknown-function",
        "there is no such handler or address; /openapi.json lists what there is",
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method-not-allowed", "this address does not take that method"),
}
#: What a handler may say that its caller is answered.
_ERRORS = range(400, 600)


def answer(problem: Problem) -> Response:
    """The document of a problem."""
    status = problem.status
    title = HTTPStatus(status).phrase if status in {each.value for each in HTTPStatus} else "Error"
    document = {"type": problem.kind, "title": title, "status": status, "detail": problem.detail, **problem.extra}
    return Response(json.dumps(document), status, problem.headers, MEDIA_TYPE)


def of_framework(error: HTTPException) -> Problem:
    """What Starlette refuses by itself: unknown paths and methods."""
    kind, detail = _KINDS.get(HTTPStatus(error.status_code), ("about:blank", error.detail))
    return Problem(error.status_code, kind, detail, headers=error.headers)


def of_request(error: Exception) -> Problem:
    """What is wrong with a request, or with the store."""
    match error:
        case Problem():
            return error
        case HTTPException():
            return of_framework(error)
        case InvalidId():
            return Problem(400, "bad-id", str(error))
        case PromiseNotFound():
            return unknown(error.promise_id)
        case PayloadTooLarge():
            return Problem(413, "body-too-large", str(error))
        case Parked():
            detail = "the invocation is parked: nothing recorded is lost, and it goes on when somebody resumes it"
            return Problem(503, "parked", detail, invocationId=error.promise_id)
        case StoreUnavailable() | StoreFull():
            logger.warning("the store cannot be used: %s", error)
            detail = (
                "the store cannot be used at the moment, and nothing that was accepted is lost: "
                "attach to what has an id, send again what has an idempotency key"
            )
            return Problem(503, "store-unavailable", detail, headers={"Retry-After": _RETRY_AFTER})
    logger.error("a request failed", exc_info=error)
    return Problem(500, "about:blank", "the server made a mistake; it is in its log")


def while_waiting(error: Exception, promise_id: str, headers: Mapping[str, str]) -> Problem:
    """The same once an invocation is accepted: it says which, so that nobody has to send it again."""
    problem = of_request(error)
    problem.headers |= headers
    problem.extra |= {"invocationId": promise_id}
    return problem


def of_argument(error: Exception) -> Problem:
    """Why an argument was not taken."""
    match error:
        case PayloadTooLarge():
            return of_request(error)
        case InvalidValue() if isinstance(error.__cause__, json.JSONDecodeError | UnicodeDecodeError | RecursionError):
            return Problem(400, "bad-json", error.reason)
        case InvalidValue():
            where = {"path": error.path, "reason": error.reason}
            return Problem(422, "invalid-arguments", str(error), path=error.path, errors=[where])
        case TypeError() | NotSerializable():
            return _whole(str(error))
    # Of a serde of one's own: messages of parsers tend to repeat what they read.
    return _whole(f"the body could not be read ({type(error).__name__})")


def of_conflict(error: IdConflict, *, by_key: bool) -> Problem:
    """Somebody used this id, or this idempotency key, before."""
    if by_key:
        return Problem(422, "idempotency-key-reused", "this idempotency key was used before with another argument")
    detail = "this workflow was started before with another argument"
    return Problem(409, "id-conflict", detail, invocationId=error.promise_id)


def of_failure(promise: Promise, codec: Codec, headers: Mapping[str, str]) -> Problem:
    """How a settled invocation failed, by what it raised."""
    named: dict[str, Any] = {"headers": headers, "invocationId": promise.id}
    if promise.state is State.CANCELED:
        return Problem(410, "cancelled", "the invocation was cancelled", **named)
    if promise.state is State.TIMEDOUT:
        return Problem(504, "timed-out", "the invocation was not over before its deadline", **named)
    error = codec.error(Outcome(promise.state, promise.value), promise.id)
    said = codec.decode(promise.value)
    known = isinstance(said, dict) and "type" in said
    raised = {
        "type": str(said["type"]).rpartition(".")[2] if known else type(error).__name__,
        "message": str(said.get("message", "")) if known else str(error),
    }
    status = error.status_code if isinstance(error, TerminalError | RetryableError) else 500
    kind = "deadlock" if isinstance(error, DeadlockError) else "execution-failed"
    return Problem(status if status in _ERRORS else 500, kind, raised["message"], error=raised, **named)


def unknown(promise_id: str) -> Problem:
    """Nothing is known by this id; also said of what is not served here."""
    return Problem(404, "unknown-execution", f"nothing is known here by the id {promise_id!r}")


def _whole(reason: str) -> Problem:
    return Problem(422, "invalid-arguments", reason, path="$", errors=[{"path": "$", "reason": reason}])
