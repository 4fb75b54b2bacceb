"""Every error as RFC 9457 `application/problem+json`, whatever raised it."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Response
from werkzeug.exceptions import HTTPException

from durable_celery import (
    IdConflict,
    InvalidId,
    NotSerializable,
    PayloadTooLarge,
    PromiseNotFound,
    StoreFull,
    StoreUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask
    from flask.typing import ResponseReturnValue

log = logging.getLogger(__name__)

#: Seconds after which a client may ask again when the store did not answer.
RETRY_WHEN_UNAVAILABLE = 5

#: What werkzeug's own errors are called here; others are `about:blank`, which means that the status says it all.
_TYPES = {400: "bad-request", 413: "body-too-large", 415: "not-json"}


class Problem(Exception):
    """Raised by a view to answer with a problem document; `extra` are its further members."""

    def __init__(
        self, status: int, kind: str, detail: str, *, headers: Mapping[str, str] | None = None, **extra: object
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.headers = headers or {}
        self.extra = extra

    def response(self) -> Response:
        return respond(self.status, self.kind, str(self), headers=self.headers, **self.extra)


def respond(
    status: int, kind: str, detail: str, *, headers: Mapping[str, str] | None = None, **extra: object
) -> Response:
    """Build the document: `type` is a word to switch on, `detail` a sentence to read."""
    document = {"type": kind, "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **extra}
    answer = Response(json.dumps(document), status=status, mimetype="application/problem+json")
    for name, value in (headers or {}).items():
        answer.headers[name] = value
    return answer


def install(app: Flask) -> None:
    """Answer every error of this application with a problem document."""
    app.register_error_handler(Problem, Problem.response)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(InvalidId, _invalid_id)
    app.register_error_handler(PromiseNotFound, _not_found)
    app.register_error_handler(IdConflict, _conflict)
    app.register_error_handler(NotSerializable, _not_serializable)
    app.register_error_handler(PayloadTooLarge, _too_large)
    app.register_error_handler(StoreUnavailable, _unavailable)
    app.register_error_handler(StoreFull, _unavailable)
    app.register_error_handler(Exception, _unexpected)


def unknown_execution(execution_id: str) -> Problem:
    """Say that nothing is known by this id; also said of what belongs to another function."""
    return Problem(404, "unknown-execution", f"nothing is known here by the id {execution_id!r}")


def _http(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return error
    own = {"content-type", "content-length"}
    headers = {name: value for name, value in error.get_headers() if name.lower() not in own}
    detail = error.description or HTTPStatus(error.code).phrase
    return respond(error.code, _TYPES.get(error.code, "about:blank"), detail, headers=headers)


def _invalid_id(error: InvalidId) -> Response:
    return respond(400, "bad-id", str(error))


def _not_found(error: PromiseNotFound) -> Response:
    return unknown_execution(error.promise_id).response()


def _conflict(error: IdConflict) -> Response:
    # Said in our own words: nothing of what the id was first used with may show.
    detail = f"the id {error.promise_id!r} was used before with another body; choose another id"
    return respond(409, "id-conflict", detail, id=error.promise_id)


def _not_serializable(error: NotSerializable) -> Response:
    return respond(422, "invalid-arguments", str(error), pointer="")


def _too_large(error: PayloadTooLarge) -> Response:
    return respond(413, "body-too-large", str(error))


def _unavailable(error: StoreUnavailable | StoreFull) -> Response:
    log.warning("the store cannot be used: %s", error)
    detail = "the store cannot be used at the moment; nothing is lost, the same request may be sent again"
    return respond(503, "store-unavailable", detail, headers={"Retry-After": str(RETRY_WHEN_UNAVAILABLE)})


def _unexpected(error: Exception) -> Response:
    log.error("a request failed", exc_info=error)
    return respond(500, "about:blank", "the server made a mistake; it is in its log")
