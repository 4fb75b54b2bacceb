"""What is answered to requests that cannot be served, and to callers of handlers that fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from durable_celery import Durable, Service, app
from durable_celery.dev import EmbeddedRedis, free_port
from tests.ingress.conftest import MAX_BODY, Web, problem, until_status
from tests.ingress.shop import SERVICES, bodies, outbox

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/Nope/greet", "/Shop/nope", "/Shop", "/Shop/greet/", "/Shop/greet/send/send", "/shop/greet"),
        *("/Counter/add", "/Counter//add", "/Shop/bob/greet", "/Counter/bob/nope"),
        *("/Shop/cellar", "/Shop/cellar/send", "/BackOffice/ledger"),
        *("/restate/invocation/nobody/cancel", "/restate/awakeables/awk_nobody/resolve", "/restate/nope"),
    ],
)
def test_what_is_not_there_or_private_is_not_found(web: Web, path: str) -> None:
    answer = web.ask("POST", path)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] in ("unknown-function", "unknown-execution")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/Shop/greet", {"POST"}),
        ("PUT", "/Counter/bob/add/send", {"POST"}),
        ("POST", "/openapi.json", {"GET", "HEAD"}),
        ("POST", "/restate/invocation/x/attach", {"GET", "HEAD"}),
        ("GET", "/restate/invocation/x/cancel", {"POST"}),
    ],
)
def test_a_wrong_method_is_told_the_right_one(web: Web, method: str, path: str, allow: set[str]) -> None:
    answer = web.ask(method, path)

    problem(answer, 405, "method-not-allowed")
    assert {*answer.headers["allow"].replace(" ", "").split(",")} == allow


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"customer": "ann", "lines": [{"item": "tea", "count": "2"}]}, "$.lines[0].count"),
        ({"customer": "ann"}, "$.lines"),
        ([], "$"),
        (None, "$"),
    ],
)
def test_an_argument_that_does_not_fit_is_told_where(web: Web, body: Any, path: str) -> None:
    said = problem(web.post("/Shop/place", body), 422, "invalid-arguments")

    assert said["path"] == path
    assert [error["path"] for error in said["errors"]] == [path]
    assert said["errors"][0]["reason"]


def test_a_handler_without_an_argument_takes_none(web: Web) -> None:
    problem(web.post("/Shop/nothing", 1), 422, "invalid-arguments")


def test_what_a_serde_of_ones_own_cannot_read_is_no_argument_and_is_not_repeated(web: Web) -> None:
    answer = web.ask("POST", "/Shop/shout", content="sécret".encode(), headers={"content-type": "text/plain"})

    problem(answer, 422, "invalid-arguments")
    assert "cret" not in answer.text


@pytest.mark.parametrize("content", ["{", "nul", b"\xff", "[" * 1500])
def test_bad_json_is_a_bad_request(web: Web, content: str | bytes) -> None:
    problem(web.ask("POST", "/Shop/place", content=content, headers=JSON), 400, "bad-json")


def test_another_media_type_is_told_the_right_one(web: Web) -> None:
    for sent in ("application/x-www-form-urlencoded", "text/plain"):
        answer = web.ask("POST", "/Shop/greet", content='"ann"', headers={"content-type": sent})
        problem(answer, 415, "unsupported-media-type")
        assert answer.headers["accept"] == "application/json"
    for sent in ("application/json; charset=utf-8", "APPLICATION/JSON", "application/hal+json"):
        assert web.ask("POST", "/Shop/greet", content='"ann"', headers={"content-type": sent}).json() == "hello ann"
    assert web.ask("POST", "/Shop/greet", content='"ann"').json() == "hello ann"


def test_a_body_over_the_limit_is_not_read_to_its_end(web: Web) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while read < 100 * MAX_BODY:
            read += 100
            yield b" " * 100

    problem(web.ask("POST", "/Shop/greet", content=endless(), headers=JSON), 413, "body-too-large")
    assert read <= MAX_BODY + 200
    problem(web.ask("POST", "/Shop/greet", content=b"1" * (MAX_BODY + 1)), 413, "body-too-large")
    assert web.ask("POST", "/Shop/greet", content=b'"ann"'.ljust(MAX_BODY)).status_code == 200


@pytest.mark.parametrize(("asked", "answered"), [(402, 402), (409, 409), (599, 599), (200, 500), (0, 500), (700, 500)])
def test_a_handler_says_with_which_status_it_fails(web: Web, asked: int, answered: int) -> None:
    answer = web.post("/Shop/refuse", asked)

    said = problem(answer, answered, "execution-failed")
    assert said["detail"] == "we are closed"
    assert said["error"] == {"type": "TerminalError", "message": "we are closed"}
    assert said["invocationId"] == answer.headers["durable-id"]
    assert problem(web.get(answer.headers["location"]), answered, "execution-failed") == said


def test_what_could_be_tried_again_says_its_status_when_no_try_is_left(web: Web) -> None:
    said = problem(web.post("/Shop/busy"), 429, "execution-failed")
    assert said["detail"] == "try tomorrow"


def test_any_other_error_is_a_500_with_its_message_and_nothing_from_inside(web: Web) -> None:
    answer = web.post("/Shop/broken")

    said = problem(answer, 500, "execution-failed")
    assert said["error"] == {"type": "ValueError", "message": "no such thing"}
    for inside in ("Traceback", "hunter2", "KeyError", ".py"):
        assert inside not in answer.text


def test_an_error_of_the_handlers_own_calls_is_not_taken_for_one_of_this_call(web: Web) -> None:
    said = problem(web.post("/Shop/asks_for_unknown"), 500, "execution-failed")
    assert said["error"]["type"] == "PromiseNotFound"


def test_a_call_that_would_wait_for_itself_is_a_conflict(web: Web) -> None:
    problem(web.post("/Counter/bob/itself"), 409, "deadlock")


def test_what_was_cancelled_is_gone(web: Web) -> None:
    id = web.post("/Shop/wait/send").json()["invocationId"]
    outbox.get(timeout=20)
    until_status(web, id, "suspended")

    assert web.post(f"/restate/invocation/{id}/cancel").status_code == 202
    problem(web.get(f"/restate/invocation/{id}/attach"), 410, "cancelled")
    assert web.post(f"/restate/invocation/{id}/cancel").status_code == 200
    problem(web.get(f"/restate/invocation/{id}/output"), 410, "cancelled")


def test_what_was_not_over_in_time_is_a_timeout(web: Web) -> None:
    problem(web.post("/Shop/too_slow"), 504, "timed-out")


def test_a_parked_invocation_is_told_at_once_and_without_its_code(web: Web) -> None:
    id = web.post("/Shop/drifts/send").json()["invocationId"]
    told = outbox.get(timeout=20)
    until_status(web, id, "suspended")
    waiting = web.begin("GET", f"/restate/invocation/{id}/attach")
    web.post(f"/restate/awakeables/{told}/resolve")

    for answer in (waiting.result(20), web.get(f"/restate/invocation/{id}/output")):
        assert problem(answer, 503, "parked")["invocationId"] == id
        assert "step" not in answer.text


def test_a_store_that_does_not_answer_is_said_and_may_be_asked_again(serve: Callable[[Any], Web]) -> None:
    durable = Durable(store=f"redis://127.0.0.1:{free_port()}/0")
    web = serve(app(SERVICES, durable))
    for method, path in (("POST", "/Shop/greet"), ("GET", "/restate/invocation/x/output")):
        answer = web.ask(method, path)
        problem(answer, 503, "store-unavailable")
        assert int(answer.headers["retry-after"]) > 0
    durable.close()
    assert bodies == []


def test_who_waits_while_the_store_goes_away_is_told_what_to_attach_to(serve: Callable[[Any], Web]) -> None:
    with EmbeddedRedis() as server:
        durable = Durable(store=server.url)
        web = serve(app(SERVICES, durable))
        waiting = web.begin("POST", "/Shop/wait")
        told = outbox.get(timeout=20)
        server.kill()
        answer = waiting.result(40)
        said = problem(answer, 503, "store-unavailable")
        server.restart()

        assert answer.headers["durable-id"] == said["invocationId"]
        assert web.post(f"/restate/awakeables/{told}/resolve", "back").status_code == 200
        assert web.get(answer.headers["location"]).json() == "back"
        durable.close()


def test_what_is_unfinished_goes_on_at_the_first_request_where_no_lifespan_is_passed_on(
    serve: Callable[[Any], Web], redis_url: str
) -> None:
    before = Durable(store=redis_url)
    location = serve(app(SERVICES, before)).post("/Shop/greet/send?delay=300ms", "ann").headers["location"]
    before.close()
    assert bodies == []

    after = Durable(store=redis_url)
    assert serve(app(SERVICES, after)).get(location).json() == "hello ann"
    after.close()


def test_no_service_can_have_the_name_of_the_addresses_that_belong_to_none() -> None:
    with pytest.raises(ValueError, match="cannot be called 'restate'"):
        app([Service("restate")], Durable.local())
