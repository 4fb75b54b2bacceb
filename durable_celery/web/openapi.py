"""The OpenAPI document (3.1) of one mounted API: one path for each function that the client may start."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from durable_celery.http.bodies import segment
from durable_celery.registry import signature_of
from durable_celery.web.documents import operation
from durable_celery.web.exposed import Target
from durable_celery.web.options import Options
from durable_celery.web.schemas import SCHEMAS, JsonSchema
from durable_celery.web.signatures import start_schema

if TYPE_CHECKING:
    from durable_celery.web.routes import Route

_SCHEMES = {
    "link": {"type": "apiKey", "in": "query", "name": "token", "description": "the token of a signed link"},
    "durable": {"type": "http", "scheme": "Durable", "description": "the same in the Authorization header"},
}
#: Routes that let nobody pass without a hook.
_CLOSED = ("executions", "cancel", "resume", "fork", "metrics")


def document(routes: Iterable[Route], options: Options, targets: Iterable[Target], base: str) -> dict[str, Any]:
    """What is served below `base`."""
    shown = sorted(targets, key=lambda target: target.name)
    paths: dict[str, Any] = {}
    answers: dict[str, Any] = {}

    def add(path: str, route: Route, made: dict[str, Any]) -> None:
        named = {f"{route.name}.{status}": answer for status, answer in made["responses"].items()}
        answers.update(named)  # the same for every function
        made["responses"] = {name.rpartition(".")[2]: {"$ref": f"#/components/responses/{name}"} for name in named}
        paths.setdefault(path, {})[route.method.lower()] = made

    for route in routes:
        if "{fn}" in route.path:
            for target in shown:
                add(route.path.replace("{fn}", segment(target.name)), route, _start(route, options, target))
        elif is_served(route, options):
            add(route.path, route, _operation(route, options, [each.name for each in shown]))
    components: dict[str, Any] = {"schemas": SCHEMAS, "responses": answers}
    if options.secret is not None:
        components["securitySchemes"] = _SCHEMES
    return {
        "openapi": "3.1.0",
        "info": {"title": "Durable functions", "version": "1"},
        "servers": [{"url": base or "/"}],
        "paths": paths,
        "components": components,
    }


def is_served(route: Route, options: Options) -> bool:
    """Whether anybody may ever be answered there: where no hook lets one, much is not."""
    hooked = options.authorize is not None
    if route.path.startswith("/promises"):
        return options.secret is not None or (options.promises and hooked)
    return hooked or route.name not in _CLOSED


def body_of(target: Target) -> JsonSchema:
    """The schema of the body that starts a function."""
    return start_schema(signature_of(target.registered.fn) if target.is_known else None)


def _operation(route: Route, options: Options, names: list[str]) -> dict[str, Any]:
    made = {"operationId": route.name, "summary": route.summary, **operation(route, options, names)}
    if route.path.startswith("/promises") and options.secret is not None:
        made["parameters"] = [each for each in made["parameters"] if each["name"] != "token"]
        made["security"] = [
            *([{}] if options.promises and options.authorize is not None else []),
            *({name: []} for name in _SCHEMES),
        ]
    return made


def _start(route: Route, options: Options, target: Target) -> dict[str, Any]:
    made = operation(route, options, body=body_of(target))
    made["parameters"] = [each for each in made["parameters"] if each["name"] != "fn"]
    said = {"operationId": f"{route.name}.{target.name}", "summary": route.summary, "tags": [target.name]}
    doc = inspect.getdoc(target.registered.fn) if target.is_known else None
    return {**said, **({"description": doc} if doc else {}), **made}
