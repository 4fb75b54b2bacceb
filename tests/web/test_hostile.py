"""What nobody means well with: every answer is one of ours, none is a 5xx, and none takes long."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

import pytest

from tests.web.conftest import Web

PUT = "/functions/greet/executions/hostile"
JSON = {"Content-Type": "application/json"}
ASKED = [
    ("GET", "/executions/%FF", {}, b""),
    ("GET", "/executions/%00", {}, b""),
    ("GET", "/executions/" + "a" * 3000, {}, b""),
    ("GET", "/executions/..%2f..%2fetc%2fpasswd", {}, b""),
    ("GET", "/executions/a%0d%0aX-Evil:%201", {}, b""),
    ("GET", "/executions/%E2%98%83", {}, b""),
    ("GET", "/executions/%25", {}, b""),
    ("GET", "/executions/{id}", {}, b""),
    ("GET", "/executions?limit=%D9%A1", {}, b""),
    ("GET", "/executions?limit=" + "9" * 3000, {}, b""),
    ("GET", "/executions?after=" + "9" * 3000 + ":a", {}, b""),
    ("GET", "/executions?after=1:%00", {}, b""),
    ("GET", "/executions?prefix=%FF%FE&state=%00", {}, b""),
    ("GET", "/executions?prefix=%F0%9F%98%80", {}, b""),
    ("GET", "/executions?function=%00&function=greet", {}, b""),
    (
        "GET",
        "/executions/x?view=full&view=none",
        {"If-None-Match": '"' + "x" * 3000, "Prefer": "wait=" + "9" * 99},
        b"",
    ),
    ("GET", "/executions/x/events", {"Last-Event-ID": ";".join("9" * 999)}, b""),
    ("PUT", PUT, JSON, b'{"args":["\\ud800"]}'),
    ("PUT", PUT, JSON, b'{"args":["\xff"]}'),
    ("PUT", PUT, JSON, b'{"args":[' + b"9" * 1500 + b"]}"),
    ("PUT", PUT, JSON, b'{"args":[1e999]}'),
    ("PUT", PUT, JSON, b'{"args":[{"__type__":"datetime","__value__":"never"}]}'),
    ("PUT", PUT, JSON, b'{"args":[{"__type__":"os.system","__value__":"true"}]}'),
    ("PUT", PUT, JSON, b'{"kwargs":{"name":1,"self":2,"ctx":3}}'),
    ("PUT", PUT, JSON, b'{"kwargs":{"promise_id":1,"id":2}}'),
    ("PUT", PUT, JSON, b"[" * 1900),
    ("PUT", PUT, JSON, b"\x00"),
    ("PUT", PUT, {"Content-Type": "\xff"}, b"{}"),
    ("PUT", "/functions/..%2fgreet/executions/x", JSON, b"{}"),
    ("POST", "/functions/greet/executions", {**JSON, "Idempotency-Key": "\xff\xfe"}, b'{"args":["Ann"]}'),
    ("POST", "/functions/greet/executions", {**JSON, "Idempotency-Key": "k" * 600}, b'{"args":["Ann"]}'),
    ("POST", "/promises/x/resolve?token=" + "a." * 500, JSON, b"1"),
    ("POST", "/promises/%00/resolve", JSON, b"1"),
    ("POST", "/executions/x/fork", JSON, b'{"from_step":1e999}'),
    ("PATCH", "/executions/x", JSON, b"{}"),
]


@pytest.mark.parametrize(("method", "path", "headers", "body"), ASKED, ids=lambda each: str(each)[:40])
def test_nothing_that_is_asked_breaks_a_server(
    web: Web, method: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    url = urlsplit(web.url)
    assert url.hostname is not None
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=5)
    path = path.replace("executions/hostile", f"executions/{web.id}")
    connection.putrequest(method, "/durable" + path)
    for name, value in {**headers, "Content-Length": str(len(body))}.items():
        connection.putheader(name, value.encode("latin-1"))
    connection.endheaders(body)
    answer = connection.getresponse()
    answer.read()
    connection.close()

    assert answer.status < 500
    assert answer.getheader("X-Evil") is None
