"""The description: the same in every framework, legal, and true of what a signature takes."""

from __future__ import annotations

import inspect
import json
from typing import Any

import jsonschema
import pytest
from fastapi import FastAPI
from openapi_spec_validator import validate

from durable_celery import Durable
from durable_celery.web.core import Core
from durable_celery.web.fastapi import router
from durable_celery.web.message import Req
from durable_celery.web.options import Options
from durable_celery.web.signatures import start_schema
from tests.web import shop
from tests.web.conftest import Web, options


def described(core: Core, **headers: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(core.handle(Req(method="GET", path="/openapi.json", headers=headers)).body)
    return said


def test_every_framework_gives_the_same_legal_document(web: Web, functions: dict[str, Any]) -> None:
    answer = web.ask("GET", "/openapi.json")
    document = answer.json()

    validate(document)

    assert document == described(Core(web.durable, **_of_core(functions))) | {"servers": [{"url": "/durable"}]}
    assert web.ask("GET", "/openapi.json", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


def _of_core(functions: dict[str, Any]) -> dict[str, Any]:
    said = options(functions)
    return {"expose": said.pop("expose"), "options": Options(**said | {"authorize": lambda *_: True})}


def test_only_what_the_client_may_start_is_in_it(functions: dict[str, Any]) -> None:
    durable = Durable.local()
    shown = [durable.register(each) for each in shop.PLAIN]
    core = Core(durable, shown, Options(authorize=lambda fn, *_: fn in ("", "greet")))

    paths = described(core)["paths"]

    assert [path for path in paths if path.startswith("/functions/")] == [
        "/functions/greet/executions",
        "/functions/greet/executions/{id}",
    ]
    assert not [path for path in paths if path.startswith("/promises")]


def test_the_document_of_fastapi_itself_is_legal_and_says_the_same(durable: Durable, functions: dict[str, Any]) -> None:
    app = FastAPI()
    app.include_router(router(durable, **options(functions)), prefix="/durable")
    document = app.openapi()
    validate(document)

    put = document["paths"]["/durable/functions/{fn}/executions/{id}"]["put"]

    assert "greet" in put["parameters"][0]["schema"]["enum"]
    assert "409" in put["responses"]
    events = document["paths"]["/durable/executions/{id}/events"]["get"]["responses"]["200"]
    assert list(events["content"]) == ["text/event-stream"]


def plain(ctx: Any, a: int, b: str = "") -> None: ...
def nothing(ctx: Any) -> None: ...
def only_positional(ctx: Any, a: int, b: int = 1, /, c: int = 2) -> None: ...
def only_named(ctx: Any, *, a: int, b: int = 1) -> None: ...
def any_number(ctx: Any, a: int, *rest: int) -> None: ...
def any_names(ctx: Any, a: int, **rest: int) -> None: ...
def anything(*rest: Any, **named: Any) -> None: ...


ARGUMENTS = [[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]
NAMED: list[dict[str, int]] = [
    {},
    {"a": 1},
    {"b": 1},
    {"a": 1, "b": 1},
    {"c": 1},
    {"z": 1},
    {"a": 1, "z": 1},
    {"ctx": 1},
]


@pytest.mark.parametrize("fn", [plain, nothing, only_positional, only_named, any_number, any_names, anything])
def test_the_schema_of_a_start_takes_what_the_signature_takes(fn: Any) -> None:
    signature = inspect.signature(fn)
    schema = start_schema(signature)

    for args in ARGUMENTS:
        for kwargs in NAMED:
            body = {name: value for name, value in (("args", args), ("kwargs", kwargs)) if value}
            assert jsonschema.Draft202012Validator(schema).is_valid(body) == _binds(signature, args, kwargs), body


def _binds(signature: inspect.Signature, args: list[int], kwargs: dict[str, int]) -> bool:
    try:
        signature.bind(None, *args, **kwargs)
    except TypeError:
        return False
    return True
