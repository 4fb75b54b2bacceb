"""The web application in one process, without Redis: what each request is answered with."""

from __future__ import annotations

import io
import json
import threading
import time
import wave
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from celery import Celery

from durable_celery import Durable, PromiseNotFound
from webapp import create_app
from workers import render, shop, sound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

PROBLEM = "application/problem+json"
SCRIPT = {"text_list": ["one", "two", "three"]}
ORDER = {"item": "kettle", "quantity": 2, "amount": 4200}


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files in a folder of this test's own, and Morse code wherever it runs."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("RENDER_DIR", str(tmp_path / "renders"))
    monkeypatch.setenv("RENDER_LEDGER", str(tmp_path / "ledger.txt"))
    monkeypatch.setenv("ORDER_LEDGER", str(tmp_path / "orders.jsonl"))
    monkeypatch.delenv("RENDER_STEP_SECONDS", raising=False)


@pytest.fixture
def durable() -> Iterator[Durable]:
    local = Durable.local()
    yield local
    local.close()


@pytest.fixture
def web(durable: Durable) -> FlaskClient:
    return create_app(durable).test_client()


@pytest.fixture
def held(durable: Durable, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Hold the rendering r1 at its second line until the event is set; let it end before the test does."""
    gate, speak = threading.Event(), sound.speak

    def gated(text: str, path: Path) -> tuple[str, int]:
        if not path.name.startswith("000"):
            assert gate.wait(30)
        return speak(text, path)

    monkeypatch.setattr(sound, "speak", gated)
    yield gate
    gate.set()
    until("the end of r1", durable.get("r1").done)


def until(what: str, look: Callable[[], Any]) -> Any:
    """Look until something is seen; fail saying what was waited for."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if seen := look():
            return seen
        time.sleep(0.01)
    pytest.fail(f"waited in vain for {what}")


def ended(web: FlaskClient, url: str) -> dict[str, Any]:
    """Poll a monitor as a client would, and return its last document."""

    def look() -> TestResponse | None:
        answer = web.get(url)
        assert answer.status_code in (200, 202), answer.text
        return answer if answer.status_code == 200 else None

    document: dict[str, Any] = told_by(until(f"200 from {url}", look))
    return document


def result(web: FlaskClient, url: str) -> dict[str, Any]:
    """Poll a monitor until the end, which must be a good one, and return the result."""
    document = ended(web, url)
    assert document["status"] == "succeeded", document
    outcome: dict[str, Any] = document["result"]
    return outcome


def told_by(answer: TestResponse) -> Any:
    """Return the document in an answer."""
    return answer.json


def problem(answer: TestResponse, status: int, kind: str) -> dict[str, Any]:
    """Check that an answer is a whole problem document, and return it."""
    assert (answer.status_code, answer.mimetype) == (status, PROBLEM), answer.text
    document: dict[str, Any] = told_by(answer)
    assert document["type"] == kind
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    return document


def told(tmp_path: Path) -> list[list[str]]:
    return [line.split() for line in (tmp_path / "ledger.txt").read_text().splitlines()]


# Rendering


def test_a_rendering_is_accepted_before_it_is_done(web: FlaskClient, held: threading.Event) -> None:
    answer = web.post("/render/r1", json=SCRIPT)

    assert answer.status_code == 202
    assert answer.headers["Location"] == "/render/r1/status"
    assert int(answer.headers["Retry-After"]) >= 1
    assert "Idempotent-Replayed" not in answer.headers
    assert told_by(answer)["id"] == "r1"
    assert told_by(answer)["links"]["self"] == "/render/r1/status"
    assert not held.is_set()


def test_the_monitor_shows_progress_until_there_is_a_result(web: FlaskClient, held: threading.Event) -> None:
    web.post("/render/r1", json=SCRIPT)
    until("the first line", lambda: told_by(web.get("/render/r1/status"))["progress"]["done"] == 1)

    answer = web.get("/render/r1/status")
    assert answer.status_code == 202
    assert int(answer.headers["Retry-After"]) >= 1
    assert told_by(answer)["function"] == "render"
    assert (told_by(answer)["state"], told_by(answer)["status"]) == ("pending", "running")
    assert told_by(answer)["progress"] == {"done": 1, "total": 4, "note": "line 2 of 3"}
    first = told_by(answer)["steps"][0]
    assert first["kind"] == "run"
    assert first["name"] == "render_line"
    assert first["state"] == "resolved"
    assert first["started_at"] <= first["ended_at"]
    assert "result" not in told_by(answer)
    assert "error" not in told_by(answer)

    held.set()
    document = ended(web, "/render/r1/status")
    assert (document["state"], document["status"]) == ("resolved", "succeeded"), document
    assert document["progress"] == {"done": 4, "total": 4, "note": ""}
    assert [step["state"] for step in document["steps"]] == ["resolved"] * 4
    assert len({step["id"] for step in document["steps"]}) == 4
    assert document["result"]["file"] == document["links"]["file"] == "/render/r1/file"
    assert document["result"]["voice"] == "morse"
    assert document["result"]["lines"] == 3


def test_the_file_can_be_fetched_and_played(web: FlaskClient) -> None:
    web.post("/render/r1", json=SCRIPT)
    outcome = result(web, "/render/r1/status")

    answer = web.get(outcome["file"])

    assert (answer.status_code, answer.mimetype) == (200, "audio/wav")
    assert len(answer.data) == outcome["bytes"]
    with wave.open(io.BytesIO(answer.data)) as heard:
        assert heard.getnframes() / heard.getframerate() == pytest.approx(outcome["seconds"], abs=0.001)


def test_the_file_can_be_fetched_in_parts_and_need_not_be_fetched_twice(web: FlaskClient) -> None:
    web.post("/render/r1", json=SCRIPT)
    url = result(web, "/render/r1/status")["file"]
    whole = web.get(url)

    part = web.get(url, headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.data) == (206, whole.data[4:8])
    assert web.get(url, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    assert web.head(url).headers["Content-Length"] == str(len(whole.data))
    problem(web.get(url, headers={"Range": "bytes=999999999-"}), 416, "about:blank")


def test_there_is_no_file_before_the_end(web: FlaskClient, held: threading.Event) -> None:
    web.post("/render/r1", json=SCRIPT)

    document = problem(web.get("/render/r1/file"), 404, "no-file")

    assert document["links"]["status"] == "/render/r1/status"
    assert not held.is_set()


def test_a_file_that_somebody_removed_is_not_there(web: FlaskClient, tmp_path: Path) -> None:
    web.post("/render/r1", json=SCRIPT)
    url = result(web, "/render/r1/status")["file"]

    (tmp_path / "renders" / "r1" / render.JOINED).unlink()

    problem(web.get(url), 404, "no-file")


def test_the_same_request_attaches_while_it_runs_and_gets_the_result_after(
    web: FlaskClient, held: threading.Event, tmp_path: Path
) -> None:
    web.post("/render/r1", json=SCRIPT)

    running = web.post("/render/r1", json=SCRIPT)
    assert running.status_code == 202
    assert running.headers["Location"] == "/render/r1/status"
    assert running.headers["Idempotent-Replayed"] == "true"

    held.set()
    document = ended(web, "/render/r1/status")
    finished = web.post("/render/r1", json=SCRIPT)
    assert finished.status_code == 200
    assert finished.headers["Idempotent-Replayed"] == "true"
    assert finished.headers["Content-Location"] == "/render/r1/status"
    assert told_by(finished)["result"] == document["result"]
    assert [line[1] for line in told(tmp_path) if line[3] == "start"] == ["0", "1", "2", "join"]


def test_requests_at_the_same_time_start_it_once(durable: Durable, tmp_path: Path) -> None:
    app = create_app(durable)

    def post(_number: int) -> tuple[int, bool]:
        answer = app.test_client().post("/render/r1", json=SCRIPT)
        return answer.status_code, "Idempotent-Replayed" in answer.headers

    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(post, range(16)))
    ended(app.test_client(), "/render/r1/status")

    assert {status for status, _ in answers} <= {200, 202}
    assert [replayed for _, replayed in answers].count(False) == 1
    assert [line[1] for line in told(tmp_path) if line[3] == "start"] == ["0", "1", "2", "join"]


def test_the_same_id_with_another_body_is_a_conflict_that_tells_nothing(web: FlaskClient) -> None:
    web.post("/render/r1", json={"text_list": ["a secret line"]})

    answer = web.post("/render/r1", json={"text_list": ["another"]})

    problem(answer, 409, "id-conflict")
    assert "secret" not in answer.text


def test_two_renderings_do_not_share_anything(web: FlaskClient) -> None:
    web.post("/render/r1", json={"text_list": ["e"]})
    web.post("/render/r2", json={"text_list": ["e e e e e e"]})

    first = result(web, "/render/r1/status")
    second = result(web, "/render/r2/status")

    assert len(web.get(first["file"]).data) < len(web.get(second["file"]).data)


def test_a_rendering_that_fails_is_a_state_of_the_monitor_and_an_error_of_the_start(
    web: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_text: str, _path: Path) -> tuple[str, int]:
        message = "the loudspeaker is broken"
        raise ValueError(message)

    monkeypatch.setattr(sound, "speak", broken)
    web.post("/render/r1", json=SCRIPT)

    document = ended(web, "/render/r1/status")

    assert (document["state"], document["status"]) == ("rejected", "failed")
    assert document["error"] == {"type": "ValueError", "message": "the loudspeaker is broken"}
    assert "result" not in document
    again = problem(web.post("/render/r1", json=SCRIPT), 500, "execution-failed")
    assert again["error"] == document["error"]
    problem(web.get("/render/r1/file"), 404, "no-file")


def test_a_cancelled_rendering_is_gone(web: FlaskClient, durable: Durable, held: threading.Event) -> None:
    web.post("/render/r1", json=SCRIPT)
    durable.promises.cancel("r1")

    document = ended(web, "/render/r1/status")

    assert (document["state"], document["status"]) == ("rejected_canceled", "cancelled")
    problem(web.post("/render/r1", json=SCRIPT), 410, "cancelled")
    problem(web.get("/render/r1/file"), 404, "no-file")
    assert not held.is_set()


def test_a_bad_script_that_a_program_started_is_shown_as_failed(web: FlaskClient, durable: Durable) -> None:
    durable.run("r1", "render", text_list=[3])
    assert ended(web, "/render/r1/status")["error"]["message"] == "must be a string, not a number"
    durable.run("r2", "render", None)
    assert ended(web, "/render/r2/status")["progress"] == {"done": 0, "total": None, "note": ""}


# Ids


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


# Bad requests


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


# Orders


def waiting(web: FlaskClient, url: str) -> dict[str, Any]:
    document: dict[str, Any]
    document = until("the approval", lambda: (it := told_by(web.get(url)))["links"].get("approval") and it)
    return document


def test_an_approved_order_is_shipped(web: FlaskClient) -> None:
    placed = web.post("/orders/o1", json=ORDER)
    assert placed.status_code == 202
    assert placed.headers["Location"] == "/orders/o1"
    document = waiting(web, "/orders/o1")
    assert document["progress"]["note"] == "waiting for approval"
    assert not shop.effects("ship")

    answer = web.post(document["links"]["approval"], json={"approved": True, "by": "Ann"})

    assert answer.status_code == 200
    outcome = result(web, "/orders/o1")
    assert (outcome["status"], outcome["by"]) == ("shipped", "Ann")
    assert shop.effects("charge") == [outcome["payment"]]
    assert shop.effects("ship") == [outcome["parcel"]]
    assert [call["effect"] for call in shop.calls()] == ["reserve", "charge", "ship"]


def test_a_rejected_order_is_undone(web: FlaskClient) -> None:
    web.post("/orders/o1", json=ORDER)
    waiting(web, "/orders/o1")

    web.post("/orders/o1/approval", json={"approved": False, "by": "Bob"})

    outcome = result(web, "/orders/o1")
    assert (outcome["status"], outcome["by"]) == ("rejected", "Bob")
    assert [call["effect"] for call in shop.calls()] == ["reserve", "charge", "release", "refund"]


def test_a_decision_is_taken_once(web: FlaskClient) -> None:
    web.post("/orders/o1", json=ORDER)
    waiting(web, "/orders/o1")
    yes, no = {"approved": True, "by": "Ann"}, {"approved": False, "by": "Bob"}

    assert web.post("/orders/o1/approval", json=yes).status_code == 200
    assert web.post("/orders/o1/approval", json=yes).status_code == 200
    problem(web.post("/orders/o1/approval", json=no), 409, "already-decided")
    problem(web.post("/orders/o1/approval", json={**yes, "by": "Bob"}), 409, "already-decided")

    assert result(web, "/orders/o1")["status"] == "shipped"
    assert web.post("/orders/o1/approval", json=yes).status_code == 200
    assert len(shop.effects("ship")) == 1


def test_an_order_that_does_not_wait_cannot_be_decided(web: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, act = threading.Event(), shop.act

    def slow(*args: Any, **details: Any) -> str:
        assert gate.wait(30)
        return act(*args, **details)

    monkeypatch.setattr(shop, "act", slow)
    web.post("/orders/o1", json=ORDER)

    answer = web.post("/orders/o1/approval", json={"approved": True, "by": "Ann"})

    problem(answer, 409, "not-waiting")
    assert "Retry-After" in answer.headers
    gate.set()
    waiting(web, "/orders/o1")


def test_an_unknown_order_cannot_be_decided(web: FlaskClient) -> None:
    problem(web.post("/orders/none/approval", json={"approved": True, "by": "Ann"}), 404, "unknown-execution")


def test_a_hostile_order_is_refused_or_processed_but_never_stuck(web: FlaskClient) -> None:
    extras: list[dict[str, Any]] = [
        {"__type__": "datetime", "__value__": "never"},
        {"note": {"__type__": "nothing", "__value__": None}},
        {"note": {"__type__": "uuid", "__value__": {"hex": "x"}}},
        {"note": "\x00"},
        {"note": "\ud800"},
    ]
    for number, extra in enumerate(extras):
        answer = web.post(f"/orders/h{number}", json={**ORDER, **extra})
        if answer.status_code == 202:
            waiting(web, f"/orders/h{number}")
        else:
            assert (400 <= answer.status_code < 500, answer.mimetype) == (True, PROBLEM)


def test_a_deep_order_is_refused_or_processed(web: FlaskClient) -> None:
    for depth in (100, 500, 900, 990, 5000):
        note = "[" * depth + "]" * depth
        body = f'{{"item": "kettle", "amount": 1, "note": {note}}}'
        answer = web.post(f"/orders/d{depth}", data=body, content_type="application/json")
        if answer.status_code == 202:
            waiting(web, f"/orders/d{depth}")
        else:
            assert (400 <= answer.status_code < 500, answer.mimetype) == (True, PROBLEM)


# The rest


def test_health_is_told_without_asking_the_store() -> None:
    answer = create_app(unreachable()).test_client().get("/healthz")

    assert (answer.status_code, told_by(answer)) == (200, {"status": "ok"})


def test_the_page_has_a_form(web: FlaskClient) -> None:
    answer = web.get("/")

    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert "<form" in answer.text


def test_a_store_that_is_down_is_said_soon() -> None:
    web = create_app(unreachable()).test_client()
    begun = time.monotonic()

    for answer in (
        web.post("/render/r1", json=SCRIPT),
        web.get("/render/r1/status"),
        web.get("/orders/o1"),
    ):
        problem(answer, 503, "store-unavailable")
        assert int(answer.headers["Retry-After"]) >= 1

    assert time.monotonic() - begun < 12


def unreachable() -> Durable:
    """Build one whose Redis does not exist: nothing listens on the port named `tcpmux`."""
    nowhere = "redis://127.0.0.1:1/0"
    return Durable(Celery("nowhere", broker=nowhere, backend=nowhere))
