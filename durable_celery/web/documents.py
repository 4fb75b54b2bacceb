"""What OpenAPI says of each route. Pure."""

from __future__ import annotations

import re
from typing import Any

from durable_celery.web.answers import JSON
from durable_celery.web.routes import Route

_TEXT = {"type": "string"}
_PARAMETERS: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "fn": ("path", "fn", _TEXT, "the name of a function"),
    "id": ("path", "id", _TEXT, "an id"),
    "state": ("query", "state", _TEXT, "pending, resolved, rejected, rejected_canceled or rejected_timedout"),
    "function": ("query", "function", _TEXT, "the name of a function"),
    "prefix": ("query", "prefix", _TEXT, "what the id begins with"),
    "after": ("query", "after", _TEXT, "`next` of another page"),
    "limit": ("query", "limit", {"type": "integer", "minimum": 1, "maximum": 100}, "how many at most"),
    "view": ("query", "view", {"type": "string", "enum": ["full"]}, "with arguments and steps"),
    "token": ("query", "token", _TEXT, "of a signed link"),
    "prefer": ("header", "Prefer", _TEXT, "`wait=10`: answer when it is over, at most 10 seconds later"),
    "key": ("header", "Idempotency-Key", _TEXT, "one key is executed once"),
    "match": ("header", "If-None-Match", _TEXT, "the ETag of an answer that is known"),
    "last": ("header", "Last-Event-ID", _TEXT, "the id of the last event that was seen"),
}
_START = {
    "type": "object",
    "properties": {"args": {"type": "array", "items": {}}, "kwargs": {"type": "object"}},
    "additionalProperties": False,
}
_FORK = {
    "type": "object",
    "properties": {"from_step": {"type": ["integer", "string"]}, "id": _TEXT},
    "additionalProperties": False,
}
#: By the name of a route: what else it reads, the schema of its body, what it answers when all is well.
_SAID: dict[str, tuple[tuple[str, ...], dict[str, Any] | None, dict[int, str]]] = {
    "functions": (("match",), None, {200: "The functions"}),
    "post": (("key", "prefer"), _START, {200: "It is over", 202: "It is accepted"}),
    "put": (("prefer",), _START, {200: "It is over", 202: "It is accepted"}),
    "executions": (("state", "function", "prefix", "after", "limit"), None, {200: "A page of executions"}),
    "monitor": (("view", "match"), None, {200: "It is over", 202: "It goes on", 304: "Nothing is new"}),
    "result": (("prefer", "match"), None, {200: "The value", 202: "It goes on", 304: "It is known"}),
    "steps": (("match",), None, {200: "All steps", 202: "The steps so far", 304: "Nothing is new"}),
    "events": (("last",), None, {200: "Events as they come", 204: "The last one was seen"}),
    "cancel": ((), None, {200: "It was cancelled before", 202: "It is told"}),
    "resume": ((), None, {202: "It goes on"}),
    "fork": ((), _FORK, {202: "It is accepted"}),
    "resolve": (("token",), {}, {200: "It is resolved"}),
    "reject": (("token",), {}, {200: "It is rejected"}),
    "healthy": ((), None, {200: "The server answers"}),
    "ready": ((), None, {200: "The store answers too"}),
    "script": (("match",), None, {200: "The script", 304: "It is known"}),
}


def usual_status(route: Route) -> int:
    """What it answers when all is well."""
    return next(iter(_SAID[route.name][2]))


def operation(route: Route) -> dict[str, Any]:
    """The operation object of a route, without what every framework says itself."""
    reads, body, answers = _SAID[route.name]
    names = [*re.findall(r"\{(\w+)\}", route.path), *reads]
    media = {"events": "text/event-stream", "script": "text/javascript"}.get(route.name, JSON)
    said: dict[str, Any] = {
        "parameters": [_parameter(name) for name in names],
        "responses": {
            **{str(status): _answer(text, None if status in (204, 304) else media) for status, text in answers.items()},
            "default": _answer("A problem", "application/problem+json"),
        },
    }
    if body is not None:
        said["requestBody"] = {"required": False, "content": {JSON: {"schema": body}}}
    return said


def _parameter(name: str) -> dict[str, Any]:
    place, called, schema, description = _PARAMETERS[name]
    return {"in": place, "name": called, "required": place == "path", "schema": schema, "description": description}


def _answer(description: str, media: str | None) -> dict[str, Any]:
    return {"description": description, **({} if media is None else {"content": {media: {"schema": {}}}})}
