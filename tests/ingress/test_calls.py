"""Handlers called over HTTP: what they are given, what is answered, and how long one waits."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import Any

import pytest

from tests.ingress.conftest import Web, problem, until_status
from tests.ingress.shop import bodies, outbox

ORDER = {"customer": "ann", "lines": [{"item": "tea", "count": 2}, {"item": "cup", "count": 1}]}


def test_a_call_answers_with_what_the_handler_returned_and_says_where_that_stays(web: Web) -> None:
    answer = web.post("/Shop/place", ORDER)

    assert (answer.status_code, answer.json(), answer.headers["content-type"]) == (200, 3, "application/json")
    id = answer.headers["durable-id"]
    assert answer.headers["location"] == f"/restate/invocation/{id}/attach"
    assert web.get(answer.headers["location"]).json() == 3


def test_none_is_an_empty_body(web: Web) -> None:
    answer = web.post("/Shop/nothing")

    assert (answer.status_code, answer.content) == (200, b"")
    assert "content-type" not in answer.headers


def test_null_stands_for_no_argument(web: Web) -> None:
    assert web.ask("POST", "/Shop/nothing", content="null").status_code == 200


def test_an_argument_with_a_default_can_be_left_out(web: Web) -> None:
    assert web.post("/Shop/greet").json() == "hello you"
    assert web.post("/Shop/greet", "ann").json() == "hello ann"


def test_a_serde_of_ones_own_and_its_media_types(web: Web) -> None:
    loud = web.ask("POST", "/Shop/shout", content="HEY", headers={"content-type": "text/plain; charset=utf-8"})
    assert (loud.text, loud.headers["content-type"]) == ("HEY", "text/plain")

    picture = web.ask("POST", "/Shop/picture", content=b"\x00\xff", headers={"content-type": "image/png"})
    assert (picture.content, picture.headers["content-type"]) == (b"\xff\x00", "image/png")


@pytest.mark.parametrize("key", ["bob", "a/b", "a%2Fb", "ä ö", "50%", "?#", "send", "key.1", ":@+=~"])
def test_a_key_is_any_text(web: Web, key: str) -> None:
    segment = "".join(f"%{byte:02X}" for byte in key.encode())

    assert web.post(f"/Counter/{segment}/key").json() == key
    assert [web.post(f"/Counter/{segment}/add", 2).json() for _ in range(2)] == [2, 4]


def test_names_may_be_sent_encoded(web: Web) -> None:
    assert web.post("/%53hop/gr%65et", "ann").json() == "hello ann"


def test_what_is_sent_is_accepted_and_executed(web: Web) -> None:
    answer = web.post("/Shop/greet/send", "ann")

    assert answer.status_code == 202
    id = answer.headers["durable-id"]
    assert answer.json() == {"invocationId": id, "status": "Accepted"}
    assert answer.headers["retry-after"] == "1"
    assert web.get(answer.headers["location"]).json() == "hello ann"
    assert web.post("/Counter/bob/add/send", 1).status_code == 202


@pytest.mark.parametrize("delay", ["100ms", "0.1s", "PT0.1S", "pt0.1s", "0s"])
def test_what_is_sent_may_begin_later(web: Web, delay: str) -> None:
    answer = web.post(f"/Shop/greet/send?delay={delay}", "ann")

    assert web.get(answer.headers["location"]).json() == "hello ann"
    made = web.app.durable.get(answer.headers["durable-id"]).promise()
    assert made.settled_at - made.created_at >= (0 if delay == "0s" else 100)


@pytest.mark.parametrize(
    ("delay", "seconds"), [("1m", 60), ("2h", 7200), ("1d", 86400), ("P1DT2H3M4S", 93784), ("PT1M", 60)]
)
def test_units_of_delays(web: Web, delay: str, seconds: int) -> None:
    id = web.post(f"/Shop/greet/send?delay={delay}", "ann").json()["invocationId"]

    made = web.app.durable.get(id).promise()
    assert made.not_before_at - made.created_at == seconds * 1000


@pytest.mark.parametrize(
    "delay", ["", "10", "s", "-1s", "1w", "PT", "P", "PTS", "1e9s", "99999d", "1s 2s", "٣s", "infs", "9" * 400 + "s"]
)
def test_a_bad_delay_is_refused_and_nothing_is_called(web: Web, delay: str) -> None:
    problem(web.post(f"/Shop/greet/send?delay={delay}", "ann"), 400, "bad-delay")
    assert bodies == []


def test_only_what_is_sent_can_be_delayed(web: Web) -> None:
    problem(web.post("/Shop/greet?delay=1s", "ann"), 400, "bad-delay")


def test_all_who_give_an_idempotency_key_share_one_invocation(web: Web) -> None:
    first = web.post("/Shop/greet/send", "ann", idempotency_key="k/1")
    again = web.post("/Shop/greet/send", "ann", idempotency_key="k/1")
    called = web.post("/Shop/greet", "ann", idempotency_key="k/1")

    assert [first.json()["status"], again.json()["status"]] == ["Accepted", "PreviouslyAccepted"]
    assert first.headers["durable-id"] == again.headers["durable-id"] == called.headers["durable-id"]
    assert called.json() == "hello ann"
    assert bodies == ["greet ann"]


def test_an_idempotency_key_holds_for_one_handler_and_one_key(web: Web) -> None:
    calls = [("/Counter/a/add", 1), ("/Counter/b/add", 1), ("/Shop/greet", "x")]
    assert len({web.post(path, arg, idempotency_key="k").headers["durable-id"] for path, arg in calls}) == 3


def test_an_idempotency_key_with_another_argument_is_refused_without_a_word_of_the_first(web: Web) -> None:
    web.post("/Shop/greet", "ann-the-secret", idempotency_key="k")
    answer = web.post("/Shop/greet", "bob", idempotency_key="k")

    problem(answer, 422, "idempotency-key-reused")
    assert "secret" not in answer.text
    problem(web.post("/Shop/greet", "bob", idempotency_key=" "), 400, "bad-id")


def test_who_prefers_to_be_answered_at_once_is(web: Web) -> None:
    answer = web.post("/Shop/wait", prefer="foo, respond-async")

    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"
    assert answer.json()["status"] == "Accepted"
    assert outbox.get(timeout=20)  # and it is executed
    until_status(web, answer.headers["durable-id"], "suspended")


def test_who_prefers_to_wait_for_a_while_is_answered_then(web: Web) -> None:
    answer = web.post("/Shop/wait", prefer="wait=0")
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "wait=0")
    assert answer.headers["retry-after"]
    id = answer.json()["invocationId"]

    later = web.get(answer.headers["location"], prefer="wait=1")
    assert (later.status_code, later.json()) == (202, {"invocationId": id, "status": "suspended"})

    waiting = web.begin("GET", answer.headers["location"], headers={"prefer": 'wait="50"'})
    web.post(f"/restate/awakeables/{outbox.get(timeout=20)}/resolve", "now")
    assert waiting.result(20).json() == "now"
    assert waiting.result().headers["preference-applied"] == "wait=50"


@pytest.mark.parametrize("prefer", ["wait=soon", "wait", "wait=-1", "respond-asynchronously", "handling=lenient"])
def test_preferences_that_are_not_understood_are_passed_over(web: Web, prefer: str) -> None:
    answer = web.post("/Shop/greet", "ann", prefer=prefer)

    assert (answer.status_code, answer.json()) == (200, "hello ann")
    assert "preference-applied" not in answer.headers


def test_a_workflow_runs_once_for_each_key_and_a_second_call_attaches(web: Web) -> None:
    calls = [web.begin("POST", "/Signup/ann/run", json="ann@example.test") for _ in range(2)]
    assert web.post("/Signup/ann/click", "s3").status_code == 200

    assert [call.result(20).json() for call in calls] == ["ann@example.test s3"] * 2
    assert web.post("/Signup/ann/run", "ann@example.test").json() == "ann@example.test s3"
    said = problem(web.post("/Signup/ann/run", "eve@example.test"), 409, "id-conflict")
    assert said["invocationId"] == "Signup:ann:run"


def test_who_prefers_strict_handling_is_refused_what_was_accepted_before(web: Web) -> None:
    first = web.post("/Signup/bob/run/send", "bob@example.test", prefer="handling=strict")
    assert (first.status_code, first.headers["preference-applied"]) == (202, "handling=strict")

    for path in ("/Signup/bob/run", "/Signup/bob/run/send"):
        answer = web.post(path, "bob@example.test", prefer="handling=strict")
        problem(answer, 409, "already-accepted")
        assert answer.headers["location"] == first.headers["location"]
    assert web.post("/Shop/greet", "a", prefer="handling=strict", idempotency_key="k").status_code == 200
    problem(web.post("/Shop/greet", "a", prefer="handling=strict", idempotency_key="k"), 409, "already-accepted")


def test_an_invocation_goes_on_when_its_caller_leaves(web: Web) -> None:
    sent: list[dict[str, Any]] = []

    async def leave() -> None:
        gone = asyncio.Event()
        messages = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        headers = [(b"idempotency-key", b"k")]
        scope = {"type": "http", "method": "POST", "path": "/Shop/wait", "headers": headers, "query_string": b""}
        asked = asyncio.ensure_future(web.app(scope, receive, send))
        while outbox.empty():
            assert not asked.done()
            await asyncio.sleep(0.01)
        gone.set()
        await asked

    asyncio.run_coroutine_threadsafe(leave(), web.loop).result(20)

    assert [message.get("status") for message in sent[:1]] == [499]
    until_status(web, "Shop:wait:k", "suspended")
    web.post(f"/restate/awakeables/{outbox.get()}/resolve", "late")
    assert web.get("/restate/invocation/Shop/wait/k/attach").json() == "late"


def test_many_who_wait_hold_no_threads(web: Web) -> None:
    first = web.begin("POST", "/Shop/wait", headers={"idempotency-key": "k"})
    id = outbox.get(timeout=20)
    path = "/restate/invocation/Shop/wait/k/attach"
    waiting = [web.begin("GET", path) for _ in range(100)]
    assert web.get("/healthz").json() == {"status": "ok"}
    assert web.post("/Shop/greet", "ann").json() == "hello ann"
    names = [thread.name for thread in threading.enumerate()]
    assert sum(bool(re.match("asyncio", name)) for name in names) < 50

    web.post(f"/restate/awakeables/{id}/resolve", 7)
    assert {each.result(40).json() for each in [first, *waiting]} == {7}
