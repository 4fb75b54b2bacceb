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
    ("GET", "/executions/~", {}, b""),
    ("GET", "/executions/%7Bid%7D:%25", {}, b""),
    ("GET", "/executions/%EF%BC%A1bc", {}, b""),  # a wide A, which NFKC would make an A
    ("GET", "/executions/a%E2%80%AEtxt", {}, b""),  # reads from right to left from here on
    ("GET", "/executions/%ED%A0%80", {}, b""),  # half of a surrogate pair
    ("GET", "/executions/%252e%252e", {}, b""),
    ("GET", "/executions/a/../../functions", {}, b""),
    ("GET", "/executions/x.1.1.1." + "1" * 140, {}, b""),
    ("GET", "/executions/x.999999999999999999999999", {}, b""),
    ("GET", "/executions?" + "limit=1&" * 800, {}, b""),
    ("PUT", "/functions/greet/executions/a.1", JSON, b'{"args":["Ann"]}'),
    ("PUT", PUT, JSON, b"{" * 1900),
    ("PUT", PUT, JSON, b'{"a":' * 300),
    ("PUT", PUT, JSON, b'{"args":[1],"args":["Ann"]}'),
    ("PUT", PUT, JSON, b'{"args":[-Infinity]}'),
    ("PUT", PUT, JSON, b'{"args":[1E400]}'),
    ("PUT", PUT, JSON, b'{"args":[0.' + b"1" * 1500 + b"]}"),
    ("PUT", PUT, JSON, b"null"),
    ("PUT", PUT, JSON, b"\xef\xbb\xbf{}"),
    ("PUT", PUT, JSON, '{"args":["Ann"]}'.encode("utf-16")),
    ("PUT", PUT, JSON, b"\x0b"),
    ("PUT", PUT, JSON, '{"args":["Ann"]}'.encode("utf-32-be")),
    ("PUT", PUT, JSON, b'{"args":["\xed\xa0\x80"]}'),
    ("PUT", PUT, JSON, b'{"kwargs":{"__class__":1,"":2}}'),
    ("PUT", PUT, {"Content-Type": "application/json; charset=klingon"}, b'{"args":["Ann"]}'),
    ("PUT", PUT, {"Content-Type": "application/json, text/plain"}, b'{"args":["Ann"]}'),
    ("PUT", PUT, {"Content-Type": ";;;=;"}, b'{"args":["Ann"]}'),
    ("PUT", PUT, {}, b'{"args":["Ann"]}'),
    *(
        ("PUT", PUT, {**JSON, "Prefer": prefer}, b'{"args":["Ann"]}')
        for prefer in (
            "wait=-1",
            "wait=1e999",
            "wait=NaN",
            'wait="',
            "wait=" + "9" * 4000,
            "wait=0," * 900,
            "\xff",
            "=;,",
        )
    ),
    *(
        ("GET", "/executions/x/events", {"Last-Event-ID": last}, b"")
        for last in ("end", "9" * 4000, "a;b;1-999999,2-999999", "running/1;0;" + "1." * 1500, "\xff;\xff;*", ";;p")
    ),
    *(("GET", "/functions", {"If-None-Match": match}, b"") for match in ('W/"', '",",",' * 500, "\xff", "**")),
    *(
        ("POST", "/functions/greet/executions", {**JSON, "Idempotency-Key": key}, b'{"args":["Ann"]}')
        for key in ("", '"', '""', '"a', "\t", "a" * 4000, "\xe9")
    ),
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
    said = answer.read()
    connection.close()

    assert answer.status < 500
    assert answer.getheader("X-Evil") is None
    if answer.status >= 400:
        assert answer.getheader("Content-Type") == "application/problem+json", said
