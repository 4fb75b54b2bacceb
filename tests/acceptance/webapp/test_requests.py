"""Ids and bodies: what is refused, with which words, and what goes through however strange it looks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from durable_celery import PromiseNotFound
from tests.acceptance.webapp.client import ORDER, PROBLEM, SCRIPT, ended, problem, result, told_by

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from durable_celery import Durable


@pytest.mark.parametrize("url", ["/render/none/status", "/render/none/file", "/orders/none"])
def test_an_unknown_id_is_not_found(web: FlaskClient, url: str) -> None:
    problem(web.get(url), 404, "unknown-execution")


def test_what_another_function_has_is_not_found_either(web: FlaskClient) -> None:
    web.post("/render/r1", json=SCRIPT)
    web.post("/orders/o1", json=ORDER)
    ended(web, "/render/r1/status")

    problem(web.get("/render/o1/status"), 404, "unknown-execution")
    problem(web.get("/render/o1/file"), 404, "unknown-execution")
    problem(web.get("/orders/r1"), 404, "unknown-execution")
    problem(web.post("/orders/r1/approval", json={"approved": True, "by": "Ann"}), 404, "unknown-execution")
    problem(web.post("/render/o1", json=SCRIPT), 409, "id-conflict")
    problem(web.post("/orders/r1", json=ORDER), 409, "id-conflict")


def test_what_is_not_an_execution_is_not_found(web: FlaskClient, durable: Durable) -> None:
    durable.promises.create("p1")

    problem(web.get("/render/p1/status"), 404, "unknown-execution")


ILLEGAL_IDS = [
    "-a",
    ".a",
    "a b",
    "a%20b",
    "a.1",
    "a%00b",
    "a%0Ab",
    "%FF",
    "é",
    "a%3Fb",
    "a*",
    "<b>",
    "x" * 129,
    "%ED%A0%80",
]


@pytest.mark.parametrize("illegal", ILLEGAL_IDS)
def test_an_illegal_id_is_a_bad_request(web: FlaskClient, illegal: str) -> None:
    problem(web.post(f"/render/{illegal}", json=SCRIPT), 400, "bad-id")
    problem(web.post(f"/orders/{illegal}", json=ORDER), 400, "bad-id")


@pytest.mark.parametrize("illegal", ["-a", "a%20b", "%FF", "x" * 129, "a%00b"])
def test_asking_for_an_illegal_id_is_a_bad_request_too(web: FlaskClient, illegal: str) -> None:
    problem(web.get(f"/render/{illegal}/status"), 400, "bad-id")
    problem(web.get(f"/render/{illegal}/file"), 400, "bad-id")
    problem(web.get(f"/orders/{illegal}"), 400, "bad-id")


@pytest.mark.parametrize("legal", ["a", "0", "A:b@c+d=e~f-g_h.i", "x" * 128])
def test_a_legal_id_is_one_however_it_is_escaped(web: FlaskClient, legal: str) -> None:
    escaped = "".join(f"%{ord(character):02X}" for character in legal)

    started = web.post(f"/render/{escaped}", json=SCRIPT)

    assert told_by(started)["id"] == legal
    assert "result" in ended(web, started.headers["Location"])
    assert web.get(f"/render/{legal}/file").status_code == 200


@pytest.mark.parametrize(
    "url", ["/render/a/b", "/render/a%2Fb", "/render//status", "/render/", "/render/../etc/status"]
)
def test_an_id_is_one_segment(web: FlaskClient, url: str) -> None:
    assert web.get(url).status_code in (404, 405)
    assert web.post(url, json=SCRIPT).status_code in (404, 405)


HOSTILE = {
    "empty": (b"", 400),
    "not json": (b"text_list=hello", 400),
    "not utf-8": (b'{"text_list": ["\xff\xfe"]}', 400),
    "nan": (b'{"text_list": [NaN]}', 400),
    "deep list": (b'{"text_list": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", 400),
    "deep object": (b'{"text_list": ' * 50_000 + b"1" + b"}" * 50_000, 400),
    "huge number": (b'{"text_list": [' + b"1" * 100_000 + b"]}", 400),
    "null": (b"null", 422),
    "list": (b'["a"]', 422),
    "nothing": (b"{}", 422),
    "null list": (b'{"text_list": null}', 422),
    "text": (b'{"text_list": "hello"}', 422),
    "no lines": (b'{"text_list": []}', 422),
    "numbers": (b'{"text_list": [1, 2]}', 422),
    "a null line": (b'{"text_list": ["a", null]}', 422),
    "nested lists": (b'{"text_list": [["a"]]}', 422),
    "nul": (b'{"text_list": ["a\\u0000b"]}', 422),
    "lone surrogate": (b'{"text_list": ["\\ud800"]}', 422),
    "too many lines": (json.dumps({"text_list": ["a"] * 201}).encode(), 422),
    "a long line": (json.dumps({"text_list": ["a" * 501]}).encode(), 422),
    "ten megabytes": (json.dumps({"text_list": ["a" * 10_000_000]}).encode(), 413),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_bad_script_is_refused_and_starts_nothing(web: FlaskClient, durable: Durable, name: str) -> None:
    body, status = HOSTILE[name]

    answer = web.post("/render/r1", data=body, content_type="application/json")

    assert (answer.status_code, answer.mimetype) == (status, PROBLEM)
    assert len(answer.data) < 1000
    with pytest.raises(PromiseNotFound):
        durable.get("r1").promise()


def test_lines_that_only_look_hostile_are_rendered(web: FlaskClient) -> None:
    lines = [
        "🎵",
        "",
        "--stdin",
        "$(id)",
        "'; DROP TABLE",
        '{"__type__": "x"}',
        "\u202e\u0007",
        "日本語",
        "%s%n",
        "../../etc/passwd",
    ]
    web.post("/render/r1", json={"text_list": lines})

    assert result(web, "/render/r1/status")["lines"] == len(lines)


def test_another_content_type_is_refused(web: FlaskClient) -> None:
    problem(web.post("/render/r1", data='{"text_list": ["a"]}'), 415, "not-json")
    problem(web.post("/render/r1", data={"text_list": "a"}), 415, "not-json")


def test_a_body_above_the_limit_is_refused_by_its_size_alone(web: FlaskClient) -> None:
    answer = web.post("/render/r1", data=b" " * (1024 * 1024 + 1), content_type="application/json")

    problem(answer, 413, "body-too-large")


def test_a_wrong_address_and_a_wrong_method_are_problems_too(web: FlaskClient) -> None:
    problem(web.get("/nowhere"), 404, "about:blank")
    wrong = web.get("/render/r1")
    problem(wrong, 405, "about:blank")
    assert "POST" in wrong.headers["Allow"]
    problem(web.delete("/render/r1/status"), 405, "about:blank")


def test_a_mistake_of_the_server_tells_nothing_of_its_inside(web: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        message = "password=hunter2"
        raise RuntimeError(message)

    monkeypatch.setattr("webapp.monitor.find", broken)

    answer = web.get("/render/r1/status")

    problem(answer, 500, "about:blank")
    assert "hunter2" not in answer.text
