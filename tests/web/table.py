"""The table: what is asked, and what every framework answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappush
from typing import TYPE_CHECKING, Any

from durable_celery.stores import LocalStore
from tests.web import shop

if TYPE_CHECKING:
    from tests.web.conftest import Web

Prelude = Callable[["Web"], object]
_ABSENT = None


@dataclass(frozen=True)
class Row:
    """One request and its answer. `{id}` stands for the test's own id; a header that is None must be absent."""

    name: str
    asked: str
    status: int
    kind: str = ""
    headers: dict[str, str | None] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)
    sent: dict[str, Any] = field(default_factory=dict)
    before: Prelude = lambda web: None
    after: Prelude = lambda web: None

    def __str__(self) -> str:
        return self.name


def done(web: Web) -> None:
    assert web.put("greet", "Ann", Prefer="wait=5").status_code == 200


def ended(function: str, status: str, *args: Any) -> Prelude:
    def prelude(web: Web) -> None:
        web.put(function, *args)
        web.until(status)

    return prelude


def parked(web: Web) -> None:
    shop.moods[web.id] = ""
    web.put("moody", web.id)
    web.until("suspended")
    shop.moods[web.id] = "bad"
    web.durable.promises.resolve(f"{web.id}.2", "now")
    web.until("parked")


def cancelled(web: Web) -> None:
    web.put("nap", 60)
    web.until("suspended")
    web.durable.cancel(web.id, grace=0)


def expired(web: Web) -> None:
    """It is over, and its retention ends at this moment."""
    done(web)
    store = web.durable.store
    assert isinstance(store, LocalStore)
    with store._verb() as rows:
        rows.by_id[web.id].expires_at = rows.now
        heappush(rows._expiring, (rows.now, web.id))


def full(web: Web) -> None:
    """As many are pending as may be: one."""
    assert web.put("alone", id="alone-in").status_code == 202


def runs(web: Web) -> None:
    web.put("steps", web.id)
    web.until("running")


def let_go(web: Web) -> None:
    shop.gates[web.id].set()


def asked(web: Web) -> None:
    ended("ask", "suspended")(web)


def resolved(web: Web) -> None:
    asked(web)
    web.durable.promises.resolve(f"{web.id}.1", {"by": "Bob"})


GREET = "/functions/greet/executions"
AT = "/durable/executions/{id}"
TEXT = {"content-type": "text/plain"}
PENDING = {"id": "{id}", "state": "pending"}

START = [
    Row(
        "a start is accepted",
        "PUT /functions/later/executions/{id}",
        202,
        headers={
            "location": AT,
            "retry-after": "60",
            "content-type": "application/json",
            "idempotent-replayed": None,
            "preference-applied": None,
        },
        said={
            **PENDING,
            "function": "later",
            "status": "queued",
            "version": 1,
            "attempt": 0,
            "progress": None,
            "links": {
                "self": AT,
                "result": AT + "/result",
                "steps": AT + "/steps",
                "events": AT + "/events",
                "cancel": AT + "/cancel",
            },
        },
    ),
    Row(
        "a start that is repeated attaches",
        "PUT /functions/later/executions/{id}",
        202,
        before=lambda web: web.put("later"),
        headers={"location": AT, "idempotent-replayed": "true"},
    ),
    Row(
        "a start of what runs attaches",
        "PUT /functions/steps/executions/{id}",
        202,
        before=runs,
        after=let_go,
        sent={"json": {"args": ["{id}"]}},
        headers={"location": AT, "idempotent-replayed": "true", "retry-after": "1"},
        said={**PENDING, "status": "running", "attempt": 1},
    ),
    Row(
        "a start waits as it is asked to",
        f"PUT {GREET}/{{id}}",
        200,
        sent={"json": {"args": ["Ann"]}, "headers": {"Prefer": "wait=5"}},
        headers={"preference-applied": "wait=5", "content-location": AT},
        said={"state": "resolved", "status": "succeeded", "result": "hello Ann", "error": ...},
    ),
    Row(
        "a wait is bounded",
        "PUT /functions/nap/executions/{id}",
        200,
        sent={"json": {"args": [0.01]}, "headers": {"Prefer": "respond-async, wait=9999"}},
        headers={"preference-applied": "wait=5"},
    ),
    Row(
        "a wait that is over is answered 202",
        "PUT /functions/nap/executions/{id}",
        202,
        sent={"json": {"args": [60]}, "headers": {"Prefer": "respond-async, wait=1"}},
        headers={"preference-applied": "respond-async, wait=1"},
    ),
    Row(
        "respond-async is applied",
        "PUT /functions/later/executions/{id}",
        202,
        sent={"headers": {"Prefer": "respond-async"}},
        headers={"preference-applied": "respond-async"},
    ),
    Row(
        "what is done is answered with its result",
        f"PUT {GREET}/{{id}}",
        200,
        before=done,
        sent={"json": {"args": ["Ann"]}},
        headers={"idempotent-replayed": "true"},
        said={"result": "hello Ann"},
    ),
    Row(
        "keyword arguments",
        f"PUT {GREET}/{{id}}",
        200,
        sent={"json": {"kwargs": {"name": "Bo", "excited": True}}, "headers": {"Prefer": "wait=5"}},
        said={"result": "hello Bo!"},
    ),
    Row(
        "other arguments are a conflict",
        f"PUT {GREET}/{{id}}",
        409,
        "id-conflict",
        before=done,
        sent={"json": {"args": ["Mallory"]}},
        said={"id": "{id}", "links": {"self": AT}},
    ),
    Row(
        "another function is a conflict",
        "PUT /functions/nap/executions/{id}",
        409,
        "id-conflict",
        before=done,
        sent={"json": {"args": [1]}},
    ),
    Row(
        "a failure is mapped by its error",
        "PUT /functions/decline/executions/{id}",
        402,
        "execution-failed",
        before=ended("decline", "failed"),
        said={"error": {"type": "CardDeclined", "message": "no money"}},
    ),
    Row(
        "another failure is 500",
        "PUT /functions/breaks/executions/{id}",
        500,
        "execution-failed",
        before=ended("breaks", "failed"),
        said={"id": "{id}"},
    ),
    Row(
        "a cancelled one is gone",
        "PUT /functions/nap/executions/{id}",
        410,
        "cancelled",
        before=cancelled,
        sent={"json": {"args": [60]}},
    ),
    Row(
        "one that was too late",
        "PUT /functions/hurried/executions/{id}",
        504,
        "timed-out",
        before=ended("hurried", "timed_out"),
    ),
    Row(
        "an id that is burnt",
        f"PUT {GREET}/{{id}}",
        410,
        "expired",
        before=expired,
        sent={"json": {"args": ["Ann"]}},
        said={"id": "{id}"},
    ),
    Row(
        "one too many",
        "PUT /functions/alone/executions/{id}",
        429,
        "too-many-executions",
        headers={"retry-after": "5"},
        before=full,
    ),
    Row(
        "one too many by a key",
        "POST /functions/alone/executions",
        429,
        "too-many-executions",
        sent={"headers": {"Idempotency-Key": "{id}"}},
        before=full,
    ),
    Row(
        "who is in attaches when it is full",
        "PUT /functions/alone/executions/alone-in",
        202,
        headers={"idempotent-replayed": "true"},
        before=full,
    ),
    Row("a bad id", f"PUT {GREET}/_x", 400, "bad-id", sent={"json": {"args": ["Ann"]}}),
    Row("the id of a child", f"PUT {GREET}/a.1", 400, "bad-id", sent={"json": {"args": ["Ann"]}}),
    Row(
        "no JSON",
        f"PUT {GREET}/{{id}}",
        400,
        "bad-json",
        sent={"content": b"{", "headers": {"content-type": "application/json"}},
    ),
    Row(
        "a body of what JSON calls no white space",
        f"PUT {GREET}/{{id}}",
        400,
        "bad-json",
        sent={"content": b"\x0b", "headers": {"content-type": "application/json"}},
    ),
    Row("NaN is no JSON", f"PUT {GREET}/{{id}}", 400, "bad-json", sent={"content": b'{"args":[NaN]}'}),
    Row(
        "a number without end is no JSON",
        f"PUT {GREET}/{{id}}",
        400,
        "bad-json",
        sent={"content": b'{"args":[1e999]}'},
    ),
    Row(
        "nesting without end",
        f"PUT {GREET}/{{id}}",
        422,
        "invalid-arguments",
        sent={"content": b'{"args":[' + b"[" * 500 + b"]" * 500 + b"]}"},
    ),
    Row("no object", f"PUT {GREET}/{{id}}", 422, "invalid-arguments", sent={"json": [1]}),
    Row("args is no array", f"PUT {GREET}/{{id}}", 422, "invalid-arguments", sent={"json": {"args": "Ann"}}),
    Row("another member", f"PUT {GREET}/{{id}}", 422, "invalid-arguments", sent={"json": {"name": "Ann"}}),
    Row(
        "arguments that do not fit",
        f"PUT {GREET}/{{id}}",
        422,
        "invalid-arguments",
        sent={"json": {"args": []}},
        said={"detail": "greet() missing a required argument: 'name'"},
    ),
    Row("too large a body", f"PUT {GREET}/{{id}}", 413, "body-too-large", sent={"json": {"args": ["x" * 3000]}}),
    Row(
        "another media type",
        f"PUT {GREET}/{{id}}",
        415,
        "unsupported-media-type",
        sent={"content": b"name=Ann", "headers": {"content-type": "application/x-www-form-urlencoded"}},
    ),
    Row("an unknown function", "PUT /functions/unknown/executions/{id}", 404, "unknown-function"),
    Row("a function that is not exposed", "PUT /functions/secret/executions/{id}", 404, "unknown-function"),
    Row("a POST needs a key", f"POST {GREET}", 400, "idempotency-key-required", sent={"json": {"args": ["Ann"]}}),
    Row("an empty key", f"POST {GREET}", 400, "bad-id", sent={"headers": {"Idempotency-Key": '" "'}}),
    Row(
        "a POST with a key",
        "POST /functions/later/executions",
        202,
        sent={"headers": {"Idempotency-Key": "{id}"}},
        headers={"idempotent-replayed": None},
        said={"function": "later"},
    ),
    Row(
        "a key that is used again attaches",
        "POST /functions/later/executions",
        202,
        sent={"headers": {"Idempotency-Key": '"{id}"'}},
        headers={"idempotent-replayed": "true"},
        before=lambda web: web.ask("POST", "/functions/later/executions", headers={"Idempotency-Key": web.id}),
    ),
    Row(
        "a key with other arguments",
        f"POST {GREET}",
        422,
        "idempotency-key-reused",
        sent={"headers": {"Idempotency-Key": "{id}"}, "json": {"args": ["Mallory"]}},
        before=lambda web: web.ask("POST", GREET, headers={"Idempotency-Key": web.id}, json={"args": ["Ann"]}),
    ),
]

MONITOR = [
    Row(
        "the monitor of what is queued",
        "GET /executions/{id}",
        202,
        before=lambda web: web.put("later"),
        headers={"retry-after": "60", "cache-control": "no-cache"},
        said={**PENDING, "status": "queued"},
    ),
    Row(
        "of what runs",
        "GET /executions/{id}",
        202,
        before=runs,
        after=let_go,
        headers={"retry-after": "1", "location": None},
        said={**PENDING, "status": "running"},
    ),
    Row(
        "of what sleeps for long",
        "GET /executions/{id}",
        202,
        before=ended("nap", "suspended", 3600),
        headers={"retry-after": "60"},
    ),
    Row(
        "of what sleeps",
        "GET /executions/{id}",
        202,
        before=ended("nap", "suspended", 30),
        headers={"retry-after": "30"},
        said={"status": "suspended"},
    ),
    Row(
        "of what waits",
        "GET /executions/{id}",
        202,
        before=asked,
        headers={"retry-after": "5"},
        said={"waiting_on": [{"kind": "promise", "name": "external", "id": "{id}.1"}]},
    ),
    Row(
        "of what is parked",
        "GET /executions/{id}",
        202,
        before=parked,
        headers={"retry-after": "60"},
        said={"status": "parked"},
    ),
    Row(
        "of what succeeded",
        "GET /executions/{id}",
        200,
        before=done,
        headers={"retry-after": None},
        said={"state": "resolved", "result": "hello Ann", "error": ...},
    ),
    Row(
        "of what failed",
        "GET /executions/{id}",
        200,
        before=ended("decline", "failed"),
        said={"status": "failed", "error": {"type": "CardDeclined", "message": "no money"}, "result": ...},
    ),
    Row("of what was cancelled", "GET /executions/{id}", 200, before=cancelled, said={"status": "cancelled"}),
    Row(
        "of what was too late",
        "GET /executions/{id}",
        200,
        before=ended("hurried", "timed_out"),
        said={"status": "timed_out"},
    ),
    Row(
        "with arguments and steps",
        "GET /executions/{id}?view=full",
        200,
        before=done,
        said={"args": ["Ann"], "kwargs": {}},
    ),
    Row(
        "in a browser",
        "GET /executions/{id}",
        303,
        before=done,
        sent={"headers": {"Accept": "text/html"}},
        headers={"location": AT + "/result", "content-type": None},
    ),
    Row("HEAD", "HEAD /executions/{id}", 200, before=done),
    Row("of nothing", "GET /executions/{id}", 404, "unknown-execution"),
    Row("of what has expired", "GET /executions/{id}", 410, "expired", before=expired, said={"id": "{id}"}),
    Row(
        "of what is not exposed",
        "GET /executions/{id}",
        404,
        "unknown-execution",
        before=lambda web: web.durable.run(web.id, "secret").result(),
    ),
    Row("of a bad id", "GET /executions/_", 400, "bad-id"),
    Row("the steps", "GET /executions/{id}/steps", 200, before=done, said={"id": "{id}", "status": "succeeded"}),
    Row("the steps of nothing", "GET /executions/{id}/steps", 404, "unknown-execution"),
]

RESULT = [
    Row(
        "a result",
        "GET /executions/{id}/result",
        200,
        before=done,
        said="hello Ann",  # type: ignore[arg-type]
        headers={"cache-control": "private, max-age=604800, immutable"},
    ),
    Row("a result of nothing", "GET /executions/{id}/result", 200, before=ended("nothing", "succeeded"), said=None),  # type: ignore[arg-type]
    Row(
        "a result that is not there",
        "GET /executions/{id}/result",
        202,
        before=asked,
        headers={"location": AT, "retry-after": "5"},
        said=PENDING,
    ),
    Row(
        "a result of what runs",
        "GET /executions/{id}/result",
        202,
        before=runs,
        after=let_go,
        headers={"location": AT, "retry-after": "1"},
        said={**PENDING, "status": "running"},
    ),
    Row(
        "a result that is waited for",
        "GET /executions/{id}/result",
        200,
        sent={"headers": {"Prefer": "wait=5"}},
        before=lambda web: web.put("nap", 0.2),
        said="rested",  # type: ignore[arg-type]
        headers={"preference-applied": "wait=5"},
    ),
    Row(
        "no wait for what is parked",
        "GET /executions/{id}/result",
        202,
        sent={"headers": {"Prefer": "wait=5"}},
        before=parked,
        said={"status": "parked"},
    ),
    Row("a mapped failure", "GET /executions/{id}/result", 402, "execution-failed", before=ended("decline", "failed")),
    Row("a failure", "GET /executions/{id}/result", 500, "execution-failed", before=ended("breaks", "failed")),
    Row("no result of what was cancelled", "GET /executions/{id}/result", 410, "cancelled", before=cancelled),
    Row("no result in time", "GET /executions/{id}/result", 504, "timed-out", before=ended("hurried", "timed_out")),
    Row("no result of what has expired", "GET /executions/{id}/result", 410, "expired", before=expired),
    Row("no result of nothing", "GET /executions/{id}/result", 404, "unknown-execution"),
]

ACTIONS = [
    Row(
        "cancel",
        "POST /executions/{id}/cancel",
        202,
        before=ended("nap", "suspended", 60),
        headers={"location": AT},
        said={"id": "{id}"},
    ),
    Row("cancel again", "POST /executions/{id}/cancel", 200, before=cancelled, said={"status": "cancelled"}),
    Row("cancel what is over", "POST /executions/{id}/cancel", 409, "already-terminal", before=done),
    Row("cancel nothing", "POST /executions/{id}/cancel", 404, "unknown-execution"),
    Row("resume what is parked", "POST /executions/{id}/resume", 202, before=parked, headers={"location": AT}),
    Row(
        "resume what failed",
        "POST /executions/{id}/resume",
        202,
        before=ended("decline", "failed"),
        headers={"location": AT + "~2"},
        said={"id": "{id}~2"},
    ),
    Row("resume what goes on", "POST /executions/{id}/resume", 409, "still-running", before=asked),
    Row("resume what succeeded", "POST /executions/{id}/resume", 409, "already-terminal", before=done),
    Row(
        "fork",
        "POST /executions/{id}/fork",
        202,
        before=done,
        sent={"json": {"from_step": 1, "id": "{id}-b"}},
        headers={"location": AT + "-b"},
        said={"id": "{id}-b", "function": "greet"},
    ),
    Row(
        "fork without a word",
        "POST /executions/{id}/fork",
        202,
        before=ended("decline", "failed"),
        said={"id": "{id}~2"},
    ),
    Row("fork what goes on", "POST /executions/{id}/fork", 409, "still-running", before=asked),
    Row(
        "fork under an id that is taken",
        "POST /executions/{id}/fork",
        409,
        "id-conflict",
        before=done,
        sent={"json": {"id": "{id}"}},
    ),
    Row(
        "fork from nowhere",
        "POST /executions/{id}/fork",
        422,
        "invalid-arguments",
        before=done,
        sent={"json": {"from_step": 0}},
    ),
    Row(
        "fork from a list",
        "POST /executions/{id}/fork",
        422,
        "invalid-arguments",
        before=done,
        sent={"json": {"from_step": [1]}},
    ),
    Row(
        "fork with other arguments",
        "POST /executions/{id}/fork",
        202,
        before=done,
        sent={"json": {"from_step": 1, "id": "{id}-c", "input": {"args": ["Bo"], "kwargs": {"excited": True}}}},
        headers={"location": AT + "-c"},
    ),
    Row(
        "fork with arguments that do not fit",
        "POST /executions/{id}/fork",
        422,
        "invalid-arguments",
        before=done,
        sent={"json": {"input": {"args": []}}},
        said={"detail": "greet() missing a required argument: 'name'"},
    ),
    Row(
        "fork with arguments in no array",
        "POST /executions/{id}/fork",
        422,
        "invalid-arguments",
        before=done,
        sent={"json": {"input": {"args": "Bo"}}},
        said={"path": "$.input.args"},
    ),
    Row("cancel what has expired", "POST /executions/{id}/cancel", 410, "expired", before=expired),
    Row("fork under a bad id", "POST /executions/{id}/fork", 400, "bad-id", before=done, sent={"json": {"id": "_"}}),
]

SURROUNDINGS = [
    Row("the functions", "GET /functions", 200),
    Row(
        "the description",
        "GET /openapi.json",
        200,
        headers={"content-type": "application/json", "cache-control": "no-cache"},
        said={"openapi": "3.1.0", "servers": [{"url": "/durable"}]},
    ),
    Row("the server is well", "GET /healthz", 200, said={"status": "ok"}),
    Row("the store is well", "GET /readyz", 200, said={"status": "ok"}),
    Row("metrics", "GET /metrics", 200, headers={"content-type": "text/plain; version=0.0.4; charset=utf-8"}),
    Row("who may not see metrics", "GET /metrics", 403, "forbidden", sent={"headers": {"X-Who": "mallory"}}),
    Row(
        "the script for browsers",
        "GET /durable.js",
        200,
        said=...,  # type: ignore[arg-type]
        headers={"content-type": "text/javascript; charset=utf-8", "cache-control": "public, max-age=3600"},
    ),
    Row("nothing below the script", "GET /durable.js/x", 404, "unknown-path"),
    Row(
        "a method that is not taken",
        "DELETE /executions/{id}",
        405,
        "method-not-allowed",
        headers={"allow": "GET, HEAD, OPTIONS"},
    ),
    Row(
        "what is taken",
        "OPTIONS /functions/greet/executions",
        204,
        headers={"allow": "OPTIONS, POST", "content-type": None},
    ),
    Row("no path", "GET /executions/{id}/nothing", 404, "unknown-path"),
    Row("a slash too many", "GET /executions/", 404, "unknown-path"),
    Row("a list by an unknown state", "GET /executions?state=happy", 400, "bad-query"),
    Row("a list of an unknown function", "GET /executions?function=secret", 404, "unknown-function"),
    Row("a list that is too long", "GET /executions?limit=101", 400, "bad-query"),
    Row("of two values the last counts", "GET /executions?state=happy&state=resolved", 200),
    Row("a list from nowhere", "GET /executions?after=x", 400, "bad-query"),
    Row(
        "who may do nothing",
        "GET /executions/{id}",
        403,
        "forbidden",
        before=done,
        sent={"headers": {"X-Who": "mallory"}},
    ),
    Row(
        "who may do nothing learns nothing",
        "GET /executions/{id}",
        403,
        "forbidden",
        sent={"headers": {"X-Who": "mallory"}},
    ),
    Row("who may not start", f"PUT {GREET}/{{id}}", 403, "forbidden", sent={"headers": {"X-Who": "mallory"}}),
    Row(
        "who may not cancel",
        "POST /executions/{id}/cancel",
        403,
        "forbidden",
        before=done,
        sent={"headers": {"X-Who": "eve"}},
    ),
    Row("a promise without a link", "POST /promises/{id}.1/resolve", 404, "unknown-promise", before=asked),
    Row("a promise with another's link", "POST /promises/{id}.1/resolve?token=x", 403, "bad-link", before=asked),
]

ROWS = [*START, *MONITOR, *RESULT, *ACTIONS, *SURROUNDINGS]
