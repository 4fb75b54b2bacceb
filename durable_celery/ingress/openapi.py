"""The OpenAPI document (3.1) of the handlers that are served."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from durable_celery.handler import JSON, Handler
from durable_celery.handlers import Handlers
from durable_celery.http.bodies import segment
from durable_celery.http.problems import MEDIA_TYPE
from durable_celery.ingress.schemas import Schemas

_TEXT = {"type": "string"}
_PREFER = "respond-async; wait=N, to wait so many seconds at most; handling=strict, to be refused what exists already"
_PARAMETERS = {
    "key": {"name": "key", "in": "path", "required": True, "schema": {**_TEXT, "minLength": 1}},
    "id": {"name": "id", "in": "path", "required": True, "schema": _TEXT},
    "idempotency-key": {
        "name": "idempotency-key",
        "in": "header",
        "schema": {**_TEXT, "minLength": 1},
        "description": "all who give it with the same argument share one invocation",
    },
    "prefer": {"name": "Prefer", "in": "header", "schema": _TEXT, "description": _PREFER},
    "delay": {
        "name": "delay",
        "in": "query",
        "schema": _TEXT,
        "description": "how long until it begins: 500ms, 10s, 1m, 2h, 1d or PT10S",
    },
}
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457; `errors` say what is wrong with an argument, and where",
    "properties": {
        **dict.fromkeys(("type", "title", "detail", "path", "invocationId"), _TEXT),
        "status": {"type": "integer"},
        "errors": {"type": "array", "items": {"type": "object", "properties": {"path": _TEXT, "reason": _TEXT}}},
        "error": {"type": "object", "properties": {"type": _TEXT, "message": _TEXT}},
    },
    "required": ["type", "title", "status", "detail"],
}
_INVOCATION = {
    "type": "object",
    "properties": {"invocationId": _TEXT, "status": _TEXT},
    "required": ["invocationId", "status"],
}
_AWAKEABLE = {
    "type": "object",
    "properties": {"awakeableId": _TEXT, "status": _TEXT},
    "required": ["awakeableId", "status"],
}


def document(services: Iterable[Handlers], address: Callable[[Handler, str], str]) -> dict[str, Any]:
    """All paths but those of the document itself; private handlers are not in it."""
    schemas = Schemas()
    schemas.definitions |= {"Problem": _PROBLEM, "Invocation": _INVOCATION, "Awakeable": _AWAKEABLE}
    schemas.reserve(*schemas.definitions)
    paths: dict[str, Any] = {}
    tags = []
    for service in services:
        public = [each for each in service.handlers.values() if not each.private]
        if public:
            tags.append({"name": service.name, "description": service.description})
        for handler in public:
            path = address(handler, "{key}")
            paths[path] = {"post": _call(handler, schemas)}
            paths[f"{path}/send"] = {"post": _send(handler, schemas)}
            if handler.is_run:
                paths |= _of_workflow(handler, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Durable services", "version": "1"},
        "tags": tags,
        "paths": {**paths, **_invocations()},
        "components": {
            "schemas": schemas.definitions,
            "parameters": _PARAMETERS,
            "responses": {
                "Problem": _answer("An error", {"$ref": "#/components/schemas/Problem"}, MEDIA_TYPE),
                "Accepted": _answer("It will be executed", {"$ref": "#/components/schemas/Invocation"}),
            },
        },
    }


def _call(handler: Handler, schemas: Schemas) -> dict[str, Any]:
    returned = schemas.of(handler.output)
    empty = returned == {"type": "null"}
    done = {"description": "What it returned"} if empty else _answer("What it returned", returned, handler.content_type)
    return {
        **_operation(handler, schemas),
        "responses": _responses({"200": done, "202": _ref("responses", "Accepted")}),
    }


def _send(handler: Handler, schemas: Schemas) -> dict[str, Any]:
    operation = _operation(handler, schemas)
    return {
        **operation,
        "operationId": f"{operation['operationId']}.send",
        "parameters": [*operation["parameters"], _ref("parameters", "delay")],
        "responses": _responses({"202": _ref("responses", "Accepted")}),
    }


def _operation(handler: Handler, schemas: Schemas) -> dict[str, Any]:
    names = [*(["key"] if handler.keyed else []), *([] if handler.is_run else ["idempotency-key"]), "prefer"]
    summary, _, description = handler.description.partition("\n")
    operation: dict[str, Any] = {
        "operationId": handler.function,
        "tags": [handler.service],
        "summary": summary or handler.name,
        "parameters": [_ref("parameters", name) for name in names],
    }
    if description.strip():
        operation["description"] = description.strip()
    if handler.input is not None:
        content = {handler.accept: {"schema": schemas.of(handler.input)}}
        operation["requestBody"] = {"required": handler.required, "content": content}
    return operation


def _of_workflow(handler: Handler, schemas: Schemas) -> dict[str, Any]:
    summaries = {"attach": "Wait for the result of the run", "output": "The result of the run, if it is there"}
    responses = _call(handler, schemas)["responses"]
    return {
        f"/restate/workflow/{segment(handler.service)}/{{key}}/{verb}": {
            "get": {
                "operationId": f"{handler.function}.{verb}",
                "tags": [handler.service],
                "summary": summary,
                "parameters": [_ref("parameters", "key"), *([_ref("parameters", "prefer")] * (verb == "attach"))],
                "responses": responses,
            }
        }
        for verb, summary in summaries.items()
    }


def _invocations() -> dict[str, Any]:
    found = {"200": {"description": "What it returned"}, "202": _ref("responses", "Accepted")}
    cancelled = {
        "200": {"description": "It was cancelled before"},
        "202": _answer("It is told", {"$ref": "#/components/schemas/Invocation"}),
    }
    settled = {"200": _answer("It is settled", {"$ref": "#/components/schemas/Awakeable"})}
    invocation, awakeable = "/restate/invocation/{id}", "/restate/awakeables/{id}"
    return {
        f"{invocation}/attach": {"get": _by_id("attach", "Wait for the result of an invocation", found)},
        f"{invocation}/output": {"get": _by_id("output", "The result of an invocation, if it is there", found)},
        f"{invocation}/cancel": {"post": _by_id("cancel", "Cancel an invocation", cancelled)},
        f"{awakeable}/resolve": {"post": _by_id("resolve_awakeable", "Resolve an awakeable", settled, {JSON: {}})},
        f"{awakeable}/reject": {"post": _by_id("reject_awakeable", "Reject an awakeable", settled, {"text/plain": {}})},
    }


def _by_id(name: str, summary: str, responses: dict[str, Any], body: dict[str, Any] | None = None) -> dict[str, Any]:
    operation = {
        "operationId": name,
        "summary": summary,
        "parameters": [_ref("parameters", "id")],
        "responses": _responses(responses),
    }
    return {**operation, "requestBody": {"content": body}} if body else operation


def _responses(said: dict[str, Any]) -> dict[str, Any]:
    return {**said, "default": _ref("responses", "Problem")}


def _answer(description: str, schema: dict[str, Any], media_type: str = JSON) -> dict[str, Any]:
    return {"description": description, "content": {media_type: {"schema": schema}}}


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}
