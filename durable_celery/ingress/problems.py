"""What errors become in the ingress; what holds for every HTTP interface is in `http.problems`."""

from __future__ import annotations

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import Response

from durable_celery.errors import IdConflict
from durable_celery.errors.problem import Problem
from durable_celery.http.problems import MEDIA_TYPE, Problems, document

_problems = Problems("invocation", "invocationId", "attach to what has an id, send again what has an idempotency key")
of_failure = _problems.of_failure
of_argument = _problems.of_argument
unknown = _problems.unknown
_KINDS = {
    HTTPStatus.NOT_FOUND: (
        "unknown-function",
        "there is no such handler or address; /openapi.json lists what there is",
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method-not-allowed", "this address does not take that method"),
}


def answer(problem: Problem) -> Response:
    """The document of a problem."""
    return Response(document(problem), problem.status, problem.headers, MEDIA_TYPE)


def of_framework(error: HTTPException) -> Problem:
    """What Starlette refuses by itself: unknown paths and methods."""
    kind, detail = _KINDS.get(HTTPStatus(error.status_code), ("about:blank", error.detail))
    return Problem(error.status_code, kind, detail, headers=error.headers)


def of_request(error: Exception) -> Problem:
    """What is wrong with a request, or with the store."""
    return of_framework(error) if isinstance(error, HTTPException) else _problems.of_request(error)


while_waiting = _problems.while_waiting


def of_conflict(error: IdConflict, *, by_key: bool) -> Problem:
    """Somebody used this id, or this idempotency key, before."""
    if by_key:
        return Problem(422, "idempotency-key-reused", "this idempotency key was used before with another argument")
    detail = "this workflow was started before with another argument"
    return Problem(409, "id-conflict", detail, invocationId=error.promise_id)
