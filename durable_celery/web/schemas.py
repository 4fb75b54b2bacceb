"""The JSON schemas of what the API reads and answers, for its description. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from durable_celery import ids
from durable_celery.promise import State

JsonSchema = dict[str, Any]

_REFS = "#/components/schemas/"
_TEXT: JsonSchema = {"type": "string"}
_COUNT: JsonSchema = {"type": "integer", "minimum": 0}
_TIME: JsonSchema = {"type": "integer", "description": "milliseconds since 1970"}
_ALPHABET = "[A-Za-z0-9][A-Za-z0-9_.:@+=~-]"
_STATUSES = ["queued", "running", "suspended", "parked", "succeeded", "failed", "cancelled", "timed_out"]

#: An id that a client may choose.
ROOT_ID: JsonSchema = {
    "type": "string",
    "pattern": f"^{_ALPHABET}*$",
    "maxLength": ids.MAX_ROOT_LENGTH,
    "not": {"pattern": r"\.[0-9]+$"},
}
#: An id that a client may ask for: a chosen one, or what the engine calls a child.
ANY_ID: JsonSchema = {
    "type": "string",
    "pattern": rf"^{_ALPHABET}{{0,{ids.MAX_ROOT_LENGTH - 1}}}(\.[0-9]+)*$",
    "maxLength": ids.MAX_LENGTH,
}


def ref(name: str) -> JsonSchema:
    """One of the schemas in `SCHEMAS`."""
    return {"$ref": _REFS + name}


def record(required: Mapping[str, JsonSchema], **optional: JsonSchema) -> JsonSchema:
    """An object with these members, and maybe others."""
    return {"type": "object", "properties": {**required, **optional}, "required": list(required)}


def closed(**members: JsonSchema) -> JsonSchema:
    """An object with none but these members, all optional."""
    return {"type": "object", "properties": members, "additionalProperties": False}


def inlined(part: Any) -> Any:
    """The same without references, for documents whose components are another's."""
    if isinstance(part, list):
        return [inlined(each) for each in part]
    if not isinstance(part, dict):
        return part
    name = part.get("$ref")
    if isinstance(name, str):
        return inlined(SCHEMAS[name.removeprefix(_REFS)])
    return {key: inlined(value) for key, value in part.items()}


_RAISED = record({"type": _TEXT, "message": _TEXT})
_LINKS = {"type": "object", "additionalProperties": _TEXT}
_BRIEF: dict[str, JsonSchema] = {
    "id": ANY_ID,
    "function": _TEXT,
    "state": {"enum": list(State)},
    "status": {"enum": _STATUSES},
}
_EXECUTION = record(
    {
        **_BRIEF,
        "version": {"type": "integer", "minimum": 1},
        "attempt": _COUNT,
        "progress": {
            "type": ["object", "null"],
            "properties": {"done": {"type": "number"}, "total": {"type": ["number", "null"]}, "note": _TEXT},
        },
        "created_at": _TIME,
        "updated_at": _TIME,
        "links": _LINKS,
    },
    reason={**_TEXT, "description": "why it is parked"},
    wake_at={**_TIME, "description": "when it goes on by itself, in milliseconds since 1970"},
    waiting_on={"type": "array", "items": {"type": "object"}},
    result={"description": "what it returned"},
    error=ref("Raised"),
    args={"type": "array", "items": {}},
    kwargs={"type": "object"},
    steps={"type": "array", "items": ref("Step")},
    log={"type": "array", "items": {"type": "object"}},
)
_STEP = record(
    {
        "id": _TEXT,
        "position": _TEXT,
        "name": _TEXT,
        "kind": _TEXT,
        "state": {"enum": list(State)},
        "started_at": {"type": ["integer", "null"]},
        "ended_at": {"type": ["integer", "null"]},
        "tries": _COUNT,
    },
    error=_TEXT,
)
_FUNCTION = record(
    {"name": _TEXT, "version": _COUNT, "retention": {"type": "number"}, "description": _TEXT, "links": _LINKS},
    parameters={"type": "array", "items": _TEXT},
)
_PROBLEM = record(
    {
        "type": {**_TEXT, "description": "what to switch on"},
        "title": _TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": _TEXT,
    },
    id=_TEXT,
    digest=_TEXT,
    state={"enum": list(State)},
    path={**_TEXT, "description": "where in the body, as JSONPath"},
    errors={"type": "array", "items": record({"path": _TEXT, "reason": _TEXT})},
    error=ref("Raised"),
    links=_LINKS,
)

#: What `ref` may name.
SCHEMAS: dict[str, JsonSchema] = {
    "Raised": _RAISED,
    "Execution": _EXECUTION,
    "Step": _STEP,
    "Function": _FUNCTION,
    "Problem": {**_PROBLEM, "description": "RFC 9457"},
    "Functions": record({"functions": {"type": "array", "items": ref("Function")}}),
    "Executions": record(
        {"executions": {"type": "array", "items": ref("Execution")}, "next": {"type": ["string", "null"]}}
    ),
    "Steps": record({**_BRIEF, "steps": {"type": "array", "items": ref("Step")}}),
    "Event": record(
        {
            "data": {
                **_TEXT,
                "description": "JSON: how it stands, a step, the progress, a line of the log, how it ended",
            }
        },
        event={"enum": ["state", "step", "progress", "log", "end"]},
        id={**_TEXT, "description": "what was seen by then, for Last-Event-ID"},
        retry=_COUNT,
    ),
    "Settled": record({"id": ANY_ID, "state": {"enum": list(State)}}),
    "Health": record({"status": {"const": "ok"}}),
}
