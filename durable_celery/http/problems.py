"""Every error as RFC 9457 `application/problem+json`, and nothing in it of what others were called with."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from durable_celery.codec import Codec
from durable_celery.errors import (
    DeadlockError,
    Expired,
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
    TooManyExecutions,
)
from durable_celery.errors.problem import Problem
from durable_celery.promise import Outcome, Promise, State

logger = logging.getLogger("durable_celery")

MEDIA_TYPE = "application/problem+json"
#: Seconds after which a client may ask again when the store did not answer.
_RETRY_AFTER = "5"
#: What a function may say that its caller is answered.
ERRORS = range(400, 600)


def document(problem: Problem) -> bytes:
    """The document of a problem."""
    status = problem.status
    title = HTTPStatus(status).phrase if status in {each.value for each in HTTPStatus} else "Error"
    said = {"type": problem.kind, "title": title, "status": status, "detail": problem.detail, **problem.extra}
    return json.dumps(said).encode()


@dataclass(frozen=True, slots=True)
class Problems:
    """What errors become. `noun` is what is called by its callers, `id_name` the member that has its id.

    `lost` is what to do about a request that was not answered.
    """

    noun: str
    id_name: str
    lost: str

    def of_request(self, error: Exception) -> Problem:
        """What is wrong with a request, or with the store."""
        match error:
            case Problem():
                return error
            case InvalidId():
                return Problem(400, "bad-id", str(error))
            case Expired():
                return self.expired(error.promise_id)
            case PromiseNotFound():
                return self.unknown(error.promise_id)
            case PayloadTooLarge():
                return Problem(413, "body-too-large", str(error))
            case TooManyExecutions():
                return Problem(429, "too-many-executions", str(error), headers={"Retry-After": _RETRY_AFTER})
            case Parked():
                detail = f"the {self.noun} is parked: nothing recorded is lost, and it goes on when somebody resumes it"
                return Problem(503, "parked", detail, **self._about(error.promise_id))
            case StoreUnavailable() | StoreFull():
                logger.warning("the store cannot be used: %s", error)
                detail = f"the store cannot be used at the moment, and nothing that was accepted is lost: {self.lost}"
                return Problem(503, "store-unavailable", detail, headers={"Retry-After": _RETRY_AFTER})
        logger.error("a request failed", exc_info=error)
        return Problem(500, "about:blank", "the server made a mistake; it is in its log")

    def of_failure(self, promise: Promise, codec: Codec, headers: Mapping[str, str]) -> Problem:
        """How a settled promise failed, by what was raised."""
        named: dict[str, Any] = {"headers": headers, **self._about(promise.id)}
        if promise.state is State.CANCELED:
            return Problem(410, "cancelled", f"the {self.noun} was cancelled", **named)
        if promise.state is State.TIMEDOUT:
            return Problem(504, "timed-out", f"the {self.noun} was not over before its deadline", **named)
        error = codec.error(Outcome(promise.state, promise.value), promise.id)
        raised = raised_of(promise, codec, error)
        kind = "deadlock" if isinstance(error, DeadlockError) else "execution-failed"
        return Problem(_status(promise, codec, error), kind, raised["message"], error=raised, **named)

    def while_waiting(self, error: Exception, promise_id: str, headers: Mapping[str, str]) -> Problem:
        """The same once a call is accepted: it says which, so that nobody has to send it again."""
        problem = self.of_request(error)
        problem.headers |= headers
        problem.extra |= self._about(promise_id)
        return problem

    def of_argument(self, error: Exception) -> Problem:
        """Why an argument was not taken."""
        match error:
            case PayloadTooLarge():
                return self.of_request(error)
            case InvalidValue() if isinstance(
                error.__cause__, json.JSONDecodeError | UnicodeDecodeError | RecursionError
            ):
                return Problem(400, "bad-json", error.reason)
            case InvalidValue():
                return invalid(error.reason, error.path, str(error))
            case TypeError() | NotSerializable():
                return invalid(str(error))
        # Of a serde of one's own: messages of parsers tend to repeat what they read.
        return invalid(f"the body could not be read ({type(error).__name__})")

    def unknown(self, promise_id: str) -> Problem:
        """Nothing is known by this id; also said of what is not served here."""
        return Problem(404, "unknown-execution", f"nothing is known here by the id {promise_id!r}")

    def expired(self, promise_id: str) -> Problem:
        """It was there, and its id is not used again."""
        detail = f"the {self.noun} is over for longer than it is kept; its id is not used again yet"
        return Problem(410, "expired", detail, **self._about(promise_id))

    def _about(self, promise_id: str) -> dict[str, Any]:
        return {self.id_name: promise_id}


def invalid(reason: str, path: str = "$", detail: str = "") -> Problem:
    """An argument that does not fit; `path` is where, as JSONPath."""
    return Problem(422, "invalid-arguments", detail or reason, path=path, errors=[{"path": path, "reason": reason}])


def raised_of(promise: Promise, codec: Codec, error: Exception | None = None) -> dict[str, str]:
    """The type and the message of what a failed promise was rejected with, without its traceback."""
    error = error or codec.error(Outcome(promise.state, promise.value), promise.id)
    said = codec.decode(promise.value) if promise.state is State.REJECTED else None
    if isinstance(said, dict) and "type" in said:
        return {"type": str(said["type"]).rpartition(".")[2], "message": str(said.get("message", ""))}
    return {"type": type(error).__name__, "message": str(error)}


def _status(promise: Promise, codec: Codec, error: Exception) -> int:
    """What the error says that its caller is answered, also where its class is not known; 500 when it says nothing."""
    said = codec.decode(promise.value)
    status = said.get("http_status") if isinstance(said, dict) else None
    if status is None and isinstance(error, TerminalError | RetryableError):
        status = error.status_code
    return status if isinstance(status, int) and status in ERRORS else 500
