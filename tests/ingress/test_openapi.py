"""The document of what is served: valid, complete, and nothing private in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import jsonschema
import pytest
from openapi_spec_validator import validate
from pydantic import BaseModel

from durable_celery import Context, Durable, Service, app
from durable_celery.serde import BytesSerde
from tests.ingress.conftest import Web
from tests.ingress.shop import SERVICES


def document(web: Web) -> Any:
    said = web.get("/openapi.json").json()
    validate(said)
    return said


@pytest.fixture
def shop(serve: Callable[[Any], Web]) -> Any:
    return document(serve(app(SERVICES, Durable.local())))


def test_every_public_handler_is_in_it_and_no_private_one(shop: Any) -> None:
    paths = [path for path in shop["paths"] if not path.startswith("/restate/")]

    assert {"/Shop/place", "/Shop/place/send", "/Counter/{key}/add", "/Signup/{key}/run/send"} <= {*paths}
    found = shop["paths"]["/restate/workflow/Signup/{key}/output"]["get"]
    assert found["responses"] == shop["paths"]["/Signup/{key}/run"]["post"]["responses"]
    for private in ("cellar", "BackOffice", "ledger"):
        assert private not in str(shop)
    assert shop["servers"] == [{"url": "/"}]


def test_a_call_is_described_by_its_handlers_docstring_and_annotations(shop: Any) -> None:
    call = shop["paths"]["/Shop/place"]["post"]

    assert (call["summary"], call["tags"]) == ("Place an order.", ["Shop"])
    assert call["description"] == "Answers how many things were ordered."
    assert call["requestBody"]["required"]
    schema = call["requestBody"]["content"]["application/json"]["schema"]
    resolved = {**schema, "components": shop["components"]}
    jsonschema.validate({"customer": "ann", "lines": [{"item": "x", "count": 1}]}, resolved)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"customer": "ann", "lines": [{"item": "x", "count": "1"}]}, resolved)
    assert call["responses"]["200"]["content"] == {"application/json": {"schema": {"type": "integer"}}}
    problem = shop["components"]["responses"][call["responses"]["default"]["$ref"].rpartition("/")[2]]
    assert [*problem["content"]] == ["application/problem+json"]


def test_arguments_results_and_media_types(shop: Any) -> None:
    posts = {path: item["post"] for path, item in shop["paths"].items() if "post" in item}

    assert "requestBody" not in posts["/Shop/nothing"]
    assert "content" not in posts["/Shop/nothing"]["responses"]["200"]
    assert not posts["/Shop/greet"]["requestBody"]["required"]
    assert [*posts["/Shop/shout"]["requestBody"]["content"]] == ["text/*"]
    assert [*posts["/Shop/picture"]["responses"]["200"]["content"]] == ["image/png"]
    named = [parameter["$ref"].rpartition("/")[2] for parameter in posts["/Counter/{key}/add/send"]["parameters"]]
    assert named == ["key", "idempotency-key", "prefer", "delay"]


def test_what_an_answer_looks_like_is_what_is_answered(shop: Any, serve: Callable[[Any], Web]) -> None:
    web = serve(app(SERVICES, Durable.local()))
    answers: list[tuple[str, httpx.Response]] = [
        ("Invocation", web.post("/Shop/greet/send", "ann")),
        ("Problem", web.post("/Shop/place", [])),
        ("Problem", web.post("/Shop/broken")),
    ]
    for name, answer in answers:
        schema = {"$ref": f"#/components/schemas/{name}", "components": shop["components"]}
        jsonschema.validate(answer.json(), schema)


def test_different_types_of_one_name_are_kept_apart_and_equal_ones_are_one(serve: Callable[[Any], Web]) -> None:
    service = Service("Names")
    for number, (takes, gives) in enumerate(zip(types("first"), types("second"), strict=True)):

        async def handler(ctx: Context, value: Any) -> Any:
            return value

        handler.__annotations__ = {"value": takes, "return": gives}
        service.handler(f"swap{number}")(handler)
        service.handler(f"again{number}")(handler)

    said = document(serve(app([service], Durable.local())))

    schemas = said["components"]["schemas"]
    assert {"Problem", "Problem2", "Point", "Point2", "Pair", "Pair2"} <= {*schemas}
    assert "Point3" not in schemas
    for number, good in enumerate(({"first": 1}, {"one": {"first": 1}, "other": {"first": 1}}, [{"first": 1}], [])):
        path = said["paths"][f"/Names/swap{number}"]["post"]
        (media,) = path["requestBody"]["content"].values()
        jsonschema.validate(good, {**media["schema"], "components": said["components"]})


def types(field: str) -> tuple[Any, ...]:
    """A Point with one field, a Pair of such, a list of Problems and a list of Points: named as the others are."""

    point = dataclass(type("Point", (), {"__annotations__": {field: int}}))
    pair = dataclass(type("Pair", (), {"__annotations__": {"one": point, "other": point}}))
    problem = type("Problem", (BaseModel,), {"__annotations__": {field: int}, "__module__": __name__})
    return point, pair, list[problem], list[point]  # type: ignore[valid-type]


def test_what_has_bytes_of_its_own_is_described_as_anything(serve: Callable[[Any], Web]) -> None:
    service = Service("Bytes")
    service.handler("scan", input_serde=BytesSerde(), accept="image/png")(lambda ctx, content: None)

    said = document(serve(app([service], Durable.local())))

    assert said["paths"]["/Bytes/scan"]["post"]["requestBody"]["content"] == {"image/png": {"schema": {}}}
