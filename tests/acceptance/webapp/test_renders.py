"""Renderings: accepted, watched, fetched, attached to, failed, cancelled."""

from __future__ import annotations

import io
import threading
import wave
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.webapp.client import SCRIPT, ended, problem, result, told, told_by, until
from webapp import create_app
from workers import render, sound

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient

    from durable_celery import Durable


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
