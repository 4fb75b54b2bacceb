"""Requests that no client would write, on raw sockets: each is answered or its connection closed, and soon."""

from __future__ import annotations

import json
import socket
import time
from urllib.parse import urlsplit

import pytest

from tests.web.conftest import Web

LONGEST_S = 5.0
PUT = "PUT /durable/functions/greet/executions/{id} HTTP/1.1\r\nHost: x\r\n"
JSON = "Content-Type: application/json\r\n"
BODY = '{"args":["Ann"]}'
CHUNKED = f"{PUT}{JSON}Transfer-Encoding: chunked\r\n\r\n"

#: What is sent, and what may come back: 0 is a closed connection.
RAW = {
    "a chunked body": (f"{CHUNKED}10\r\n{BODY}\r\n0\r\n\r\n", {200, 202}),
    "a chunked body that stops": (f'{CHUNKED}10\r\n{{"args"', {0, 400}),
    "a chunk that is no chunk": (f"{CHUNKED}zz\r\n{BODY}\r\n0\r\n\r\n", {0, 400}),
    "a chunked body that is too large": (f"{CHUNKED}fff\r\n" + "x" * 0xFFF + "\r\n0\r\n\r\n", {413}),
    "a body that is shorter than it says": (f"{PUT}{JSON}Content-Length: 999\r\n\r\n{BODY}", {0, 400}),
    "a body that is longer than it says": (f"{PUT}{JSON}Content-Length: 3\r\n\r\n{BODY}", {400}),
    "a length that is none": (f"{PUT}{JSON}Content-Length: many\r\n\r\n{BODY}", {0, 400}),
    "a length below nothing": (f"{PUT}{JSON}Content-Length: -1\r\n\r\n{BODY}", {0, 400}),
    "two lengths": (f"{PUT}{JSON}Content-Length: 16\r\nContent-Length: 3\r\n\r\n{BODY}", {0, 400}),
    "a length without end": (f"{PUT}{JSON}Content-Length: {'9' * 5000}\r\n\r\n{BODY}", {0, 400, 413}),
    "two media types": (
        f"{PUT}{JSON}Content-Type: text/plain\r\nContent-Length: 16\r\n\r\n{BODY}",
        {200, 202, 400, 415},
    ),
    "a body that is packed": (f"{PUT}{JSON}Content-Encoding: gzip\r\nContent-Length: 16\r\n\r\n{BODY}", {415}),
    "a header that is folded": (
        f"{PUT}{JSON}Prefer: wait\r\n =1\r\nContent-Length: 16\r\n\r\n{BODY}",
        {0, 200, 202, 400},
    ),
    "a header with a NUL": (f"{PUT}{JSON}Prefer: \0\r\nContent-Length: 16\r\n\r\n{BODY}", {0, 200, 202, 400}),
    "a key of DEL": (f"{PUT}{JSON}Idempotency-Key: \x7f\r\nContent-Length: 16\r\n\r\n{BODY}", {0, 200, 202, 400}),
    "a path with a line's end": ("GET /durable/executions/a\rb HTTP/1.1\r\nHost: x\r\n\r\n", {0, 400, 404}),
    "no version": ("GET /durable/healthz\r\n\r\n", {0, 200, 400}),
    "no HTTP": ("\x16\x03\x01\x02\x00\x01\x00\x01", {0, 400}),
}


#: After these the client says that it sends no more; a server that waits for more is its own matter.
STOPS = {"a chunked body that stops", "a body that is shorter than it says", "no HTTP", "no version"}


def answered(url: str, sent: str, *, stops: bool) -> tuple[int, dict[str, str], bytes]:
    """The status, 0 for a closed connection."""
    address = urlsplit(url)
    with socket.create_connection((str(address.hostname), address.port or 0), timeout=LONGEST_S) as connection:
        connection.sendall(sent.encode("latin-1"))
        if stops:
            connection.shutdown(socket.SHUT_WR)
        found, began = b"", time.monotonic()
        while chunk := connection.recv(65536):
            found += chunk
            assert time.monotonic() - began < LONGEST_S
    head, _, body = found.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
    return int(first.split(" ")[1]) if first.startswith("HTTP/") else 0, headers, body


@pytest.mark.parametrize("name", RAW)
def test_what_is_no_request_is_refused_at_once(web: Web, name: str) -> None:
    sent, may = RAW[name]
    if "\r\n\r\n" in sent and "HTTP/1.1" in sent:
        sent = sent.replace("Host: x\r\n", "Host: x\r\nConnection: close\r\n", 1)

    status, _, _ = answered(web.url, sent.replace("{id}", web.id), stops=name in STOPS)

    assert status in may


@pytest.mark.parametrize("path", ["/functions/later/executions/{id}", "/executions/{id}/cancel"])
def test_no_header_decides_where_links_lead(web: Web, path: str) -> None:
    web.put("later")
    method = "POST" if path.endswith("cancel") else "PUT"
    poison = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil"}
    poison |= {"X-Forwarded-Proto": "gopher", "Forwarded": "host=evil.example", "X-Original-URL": "/evil"}

    answer = web.ask(method, path.replace("{id}", web.id), headers=poison)

    assert answer.status_code == 202
    assert answer.headers["location"] == f"/durable/executions/{web.id}"
    assert "evil" not in answer.text


def test_a_method_is_what_the_request_says(web: Web) -> None:
    web.put("later")
    said = {"X-HTTP-Method-Override": "POST", "X-HTTP-Method": "POST", "X-Method-Override": "POST"}

    assert web.ask("GET", f"/executions/{web.id}/cancel?_method=POST", headers=said).status_code == 405
    assert web.durable.get(web.id).status == "queued"


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "QUERY", "DELETE"])
def test_every_route_answers_every_method(web: Web, method: str) -> None:
    document = web.ask("GET", "/openapi.json").json()
    for path, methods in document["paths"].items():
        if path.endswith("/events"):
            continue
        answer = web.ask(method, path.replace("{id}", web.id))
        taken = method == "OPTIONS" or (method == "HEAD" and "get" in methods)
        assert answer.status_code in ({200, 204, 404} if taken else {405}), (path, answer.text)
        assert method == "HEAD" or taken or answer.json()["type"] == "method-not-allowed"
        if answer.status_code in (204, 405):
            allowed = set(answer.headers["allow"].split(", "))
            assert allowed == {*(each.upper() for each in methods), "OPTIONS", *(["HEAD"] if "get" in methods else [])}


def test_ids_of_ten_thousand_characters_are_refused(web: Web) -> None:
    for path in ("/executions/", "/functions/greet/executions/"):
        answer = web.ask("GET" if path == "/executions/" else "PUT", path + "x" * 10_000)
        assert answer.status_code == 400
        assert json.loads(answer.text)["type"] == "bad-id"
