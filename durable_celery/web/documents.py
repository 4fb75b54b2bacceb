"""What OpenAPI says of each route: what it reads, and everything it may answer. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from durable_celery.http.problems import MEDIA_TYPE
from durable_celery.promise import State
from durable_celery.web.answers import JSON
from durable_celery.web.options import Options
from durable_celery.web.schemas import ANY_ID, ROOT_ID, JsonSchema, closed, ref
from durable_celery.web.signatures import ANY_START

if TYPE_CHECKING:
    from durable_celery.web.routes import Route

_TEXT: JsonSchema = {"type": "string"}
_KEY: JsonSchema = {"type": "string", "pattern": r'[^\s"]', "maxLength": 512}
_PLACE: JsonSchema = {"type": "string", "pattern": "^([0-9]{1,15}:[!-~]+)?$"}
_LIMIT: JsonSchema = {"type": "integer", "minimum": 1, "maximum": 100}
_PARAMETERS: dict[str, tuple[str, str, JsonSchema, str]] = {
    "fn": ("path", "fn", _TEXT, "the name of a function"),
    "id": ("path", "id", ANY_ID, "an id"),
    "new": ("path", "id", ROOT_ID, "an id that the client chooses"),
    "state": ("query", "state", {"enum": [*State, ""]}, "how they stand"),
    "function": ("query", "function", _TEXT, "the name of a function"),
    "prefix": ("query", "prefix", _TEXT, "what the id begins with"),
    "after": ("query", "after", _PLACE, "`next` of another page"),
    "limit": ("query", "limit", _LIMIT, "how many at most"),
    "view": ("query", "view", {"enum": ["full"]}, "with arguments and steps"),
    "token": ("query", "token", _TEXT, "of a signed link"),
    "prefer": ("header", "Prefer", _TEXT, "`wait=10`: answer when it is over, at most 10 seconds later"),
    "key": ("header", "Idempotency-Key", _KEY, "one key is executed once"),
    "match": ("header", "If-None-Match", _TEXT, "the ETag of an answer that is known"),
    "last": ("header", "Last-Event-ID", _TEXT, "the id of the last event that was seen"),
}
_SECONDS: JsonSchema = {"type": "integer", "minimum": 0}
_HEADERS: dict[str, tuple[JsonSchema, str]] = {
    "Cache-Control": (_TEXT, "how long it may be kept"),
    "ETag": ({"type": "string", "pattern": '^"[^"]+"$'}, "changes with what is answered"),
    "Location": (_TEXT, "where the execution is"),
    "Content-Location": (_TEXT, "where the execution is"),
    "Retry-After": (_SECONDS, "seconds until it is worth to ask again"),
    "Preference-Applied": (_TEXT, "what of `Prefer` was heeded"),
    "Idempotent-Replayed": ({"const": "true"}, "it was started by an earlier request"),
}
_KNOWN = ("Cache-Control", "ETag")
_STEP: JsonSchema = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": ["string", "null"]}]}
_START = closed(args={"type": "array", "items": {}}, kwargs={"type": "object"})
_FORK = closed(from_step=_STEP, id={"anyOf": [ROOT_ID, {"type": "null"}]}, input={"anyOf": [_START, {"type": "null"}]})
#: Why a request is refused, by status; what only some routes answer is said there.
_PROBLEMS = {
    400: "The id, a parameter or the JSON is not legal",
    401: "Who asks has to say who it is",
    403: "This is not allowed to whoever asks",
    404: "There is no such thing",
    409: "It stands otherwise, or the id has other arguments",
    410: "It was cancelled, or is kept no longer",
    413: "The body is too large",
    415: "The body is not application/json",
    422: "The arguments do not fit, or the key has others",
    429: "There are too many at once",
    503: "The store cannot be used at the moment, or the execution is parked",
    504: "It was not over before its deadline",
}
_BODY = (413, 415, 422)
_RETRIED = (429, 503)


@dataclass(frozen=True, slots=True)
class Answer:
    """One status: what it means, the body, the headers that are always there; those with a `?` may be."""

    text: str
    schema: JsonSchema | None = None
    headers: tuple[str, ...] = _KNOWN
    media: str = JSON


@dataclass(frozen=True, slots=True)
class Said:
    """One route: what else it reads, what it answers when all is well, what it refuses, its body."""

    reads: tuple[str, ...]
    answers: dict[int, Answer]
    problems: tuple[int, ...] = ()
    body: JsonSchema | None = None
    #: Answers with the status that the error of the execution says.
    mapped: bool = False


_SAME = Answer("Nothing is new", headers=("ETag",))
_HEEDED = ("Idempotent-Replayed?", "Preference-Applied?")
_ON = (*_KNOWN, "Retry-After")
_STARTED = {
    200: Answer("It is over", ref("Execution"), (*_KNOWN, "Content-Location", *_HEEDED)),
    202: Answer("It is accepted", ref("Execution"), (*_ON, "Location", *_HEEDED)),
}
_ACCEPTED = Answer("It is accepted", ref("Execution"), (*_KNOWN, "Location", "Retry-After?"))
_WELL = {200: Answer("It is well", ref("Health"))}
_SETTLED = {200: Answer("It is settled", ref("Settled"))}
_SETTLING = (400, 403, 404, 409, 410, *_BODY, 503)
_ASKED = (400, 404, 410, 503)
#: By the name of a route.
_SAID: dict[str, Said] = {
    "openapi": Said(("match",), {200: Answer("This document", {"type": "object"}), 304: _SAME}),
    "functions": Said(("match",), {200: Answer("The functions", ref("Functions")), 304: _SAME}),
    "post": Said(("key", "prefer"), _STARTED, (400, 404, 410, *_BODY, 429, 503, 504), ANY_START, mapped=True),
    "put": Said(("prefer",), _STARTED, (400, 404, 409, 410, *_BODY, 429, 503, 504), ANY_START, mapped=True),
    "executions": Said(
        ("state", "function", "prefix", "after", "limit", "match"),
        {200: Answer("A page of executions", ref("Executions")), 304: _SAME},
        (400, 404, 503),
    ),
    "monitor": Said(
        ("view", "match"),
        {
            200: Answer("It is over", ref("Execution")),
            202: Answer("It goes on", ref("Execution"), _ON),
            303: Answer("Its result, for browsers", headers=("Location",)),
            304: _SAME,
        },
        (*_ASKED, 403),
    ),
    "result": Said(
        ("prefer", "match"),
        {
            200: Answer("The value", {}, (*_KNOWN, "Preference-Applied?")),
            202: Answer("It goes on", ref("Execution"), (*_ON, "Location", "Preference-Applied?")),
            304: _SAME,
        },
        (*_ASKED, 504),
        mapped=True,
    ),
    "steps": Said(
        ("match",),
        {200: Answer("All steps", ref("Steps")), 202: Answer("The steps so far", ref("Steps"), _ON), 304: _SAME},
        _ASKED,
    ),
    "events": Said(
        ("last",),
        {
            200: Answer("Events as they come", ref("Event"), ("Cache-Control",), "text/event-stream"),
            204: Answer("The last one was seen", headers=("Cache-Control",)),
        },
        _ASKED,
    ),
    "cancel": Said(
        (),
        {
            200: Answer("It was cancelled before", ref("Execution")),
            202: Answer("It is told", ref("Execution"), (*_KNOWN, "Location", "Retry-After?")),
        },
        (*_ASKED, 409),
    ),
    "resume": Said((), {202: _ACCEPTED}, (*_ASKED, 409)),
    "fork": Said((), {202: _ACCEPTED}, (*_ASKED, 409, *_BODY, 429), _FORK),
    "resolve": Said(("token",), _SETTLED, _SETTLING, {}),
    "reject": Said(("token",), _SETTLED, _SETTLING, {"anyOf": [_TEXT, {"type": "null"}, {"type": "object"}]}),
    "healthy": Said((), _WELL),
    "ready": Said((), _WELL, (503,)),
    "script": Said(("match",), {200: Answer("The script", _TEXT, media="text/javascript"), 304: _SAME}),
    "metrics": Said((), {200: Answer("Gauges for Prometheus", _TEXT, ("Cache-Control",), "text/plain")}, (503,)),
}


def usual_status(route: Route) -> int:
    """What it answers when all is well."""
    return next(iter(_SAID[route.name].answers))


def operation(
    route: Route, options: Options, functions: Collection[str] = (), body: JsonSchema | None = None
) -> dict[str, Any]:
    """The operation object of a route; `functions` are the names that its path takes, `body` the schema of its body."""
    said = _SAID[route.name]
    named = ["new" if (route.name, name) == ("put", "id") else name for name in re.findall(r"\{(\w+)\}", route.path)]
    refused = {*said.problems, *((401, 403) if options.authorize is not None else ())}
    responses: dict[str, Any] = {str(status): _answer(answer) for status, answer in said.answers.items()}
    responses |= {str(status): _refused(status) for status in sorted(refused)}
    if said.mapped:
        responses |= {group: _problem("The execution failed, as its error says") for group in ("4XX", "5XX")}
    made: dict[str, Any] = {
        "parameters": [_parameter(name, functions, options) for name in [*named, *said.reads]],
        "responses": responses,
    }
    schema = said.body if body is None else body
    if schema is not None:
        ways = schema.get("anyOf", [schema])
        made["requestBody"] = {
            "required": all("required" in way for way in ways),
            "content": {JSON: {"schema": schema}},
        }
    return made


def _parameter(name: str, functions: Collection[str], options: Options) -> dict[str, Any]:
    place, called, schema, description = _PARAMETERS[name]
    if name in ("fn", "function") and functions:
        schema = {"enum": [*sorted(functions), *([""] if place == "query" else [])]}
    required = place == "path" or (name == "key" and not options.allow_anonymous)
    return {"in": place, "name": called, "required": required, "schema": schema, "description": description}


def _answer(answer: Answer) -> dict[str, Any]:
    made: dict[str, Any] = {"description": answer.text}
    if answer.schema is not None:
        made["content"] = {answer.media: {"schema": answer.schema}}
    if answer.headers:
        made["headers"] = {name.rstrip("?"): _header(name) for name in answer.headers}
    return made


def _header(name: str) -> dict[str, Any]:
    schema, description = _HEADERS[name.rstrip("?")]
    return {"description": description, "required": not name.endswith("?"), "schema": schema}


def _refused(status: int) -> dict[str, Any]:
    made = _problem(_PROBLEMS[status])
    if status in _RETRIED:
        made["headers"] = {"Retry-After": _header("Retry-After?")}
    return made


def _problem(text: str) -> dict[str, Any]:
    return {"description": text, "content": {MEDIA_TYPE: {"schema": ref("Problem")}}}
