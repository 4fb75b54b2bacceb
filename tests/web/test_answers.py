"""What the table cannot say in one request: validators, lists, keys, links, own routes, how many may wait."""

from __future__ import annotations

import concurrent.futures
import time
from urllib.parse import urlsplit

import pytest

from durable_celery.dev.child import wait_until
from durable_celery.web.links import Links
from tests.web import shop
from tests.web.conftest import SECRET, Web, problem
from tests.web.table import asked, done


class TestValidators:
    def test_a_client_that_knows_how_it_stands_is_told_so(self, web: Web) -> None:
        asked(web)
        first = web.ask("GET", f"/executions/{web.id}")

        again = web.ask(
            "GET", f"/executions/{web.id}", headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'}
        )

        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert "content-type" not in again.headers

    def test_and_is_answered_when_something_is_new(self, web: Web) -> None:
        asked(web)
        first = web.ask("GET", f"/executions/{web.id}")
        web.durable.promises.resolve(f"{web.id}.1", "yes")
        web.until("succeeded")

        again = web.ask("GET", f"/executions/{web.id}", headers={"If-None-Match": first.headers["etag"]})

        assert again.status_code == 200
        assert again.headers["etag"] != first.headers["etag"]

    def test_a_result_has_a_validator_too(self, web: Web) -> None:
        done(web)
        first = web.ask("GET", f"/executions/{web.id}/result")

        again = web.ask("GET", f"/executions/{web.id}/result", headers={"If-None-Match": first.headers["etag"]})

        assert again.status_code == 304


class TestLists:
    def test_a_page_asks_for_the_next(self, web: Web) -> None:
        for number in range(5):
            web.put("later", id=f"{web.id}-{number}")
        found: list[list[str]] = []
        after = ""
        while True:
            answer = web.ask("GET", "/executions", params={"prefix": web.id, "limit": 2, "after": after})
            assert answer.status_code == 200
            found.append([each["id"] for each in answer.json()["executions"]])
            after = answer.json()["next"]
            if after is None:
                break

        assert [len(page) for page in found] == [2, 2, 1]
        assert sorted(id for page in found for id in page) == [f"{web.id}-{number}" for number in range(5)]

    def test_by_function_and_state_and_without_what_is_not_exposed(self, web: Web) -> None:
        web.put("later", id=f"{web.id}-1")
        web.put("greet", "Ann", id=f"{web.id}-2", Prefer="wait=5")
        web.durable.run(f"{web.id}-3", "secret").result()

        def ids(**query: str) -> list[str]:
            answer = web.ask("GET", "/executions", params={"prefix": web.id, **query})
            return sorted(each["id"] for each in answer.json()["executions"])

        assert ids() == [f"{web.id}-1", f"{web.id}-2"]
        assert ids(function="later") == [f"{web.id}-1"]
        assert ids(state="resolved") == [f"{web.id}-2"]

    def test_a_list_has_links_and_neither_arguments_nor_results(self, web: Web) -> None:
        done(web)

        [shown] = web.ask("GET", "/executions", params={"prefix": web.id}).json()["executions"]

        assert web.http.get(shown["links"]["self"]).json()["id"] == web.id
        assert not {"args", "kwargs", "result"} & set(shown)

    def test_the_functions_are_described(self, web: Web) -> None:
        shown = {each["name"]: each for each in web.ask("GET", "/functions").json()["functions"]}

        assert "secret" not in shown
        assert shown["greet"]["description"] == "Say hello."
        assert shown["greet"]["retention"] == shown["greet"]["tombstone"] == 7 * 24 * 3600
        assert shown["greet"]["parameters"] == ["name", "excited"]
        assert web.http.post(shown["greet"]["links"]["start"]).status_code == 400


class TestStarting:
    def test_twenty_at_once_are_one(self, web: Web) -> None:
        before = len(shop.gates)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: web.put("ask"), range(20)))

        assert {answer.status_code for answer in answers} == {202}
        assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
        assert len(shop.gates) == before

    def test_a_conflict_tells_nothing_of_the_other_call(self, web: Web) -> None:
        web.put("greet", "the-other-caller", Prefer="wait=5")

        by_id = web.put("greet", "Mallory")
        elsewhere = web.put("nap", 1)

        for answer in (by_id, elsewhere):
            assert "the-other-caller" not in answer.text
            assert "greet" not in answer.json()["detail"]
        assert web.durable.get(web.id).promise().digest not in by_id.text

    def test_what_was_started_is_where_the_answer_says(self, web: Web) -> None:
        answer = web.put("later")

        assert web.http.get(answer.headers["location"]).json()["id"] == web.id
        assert answer.json()["links"]["self"] == answer.headers["location"]

    def test_a_chunked_body_that_is_too_large_is_refused(self, web: Web) -> None:
        pieces = (b'{"args":["' if n == 0 else b"x" * 500 for n in range(20))

        answer = web.ask("PUT", f"/functions/greet/executions/{web.id}", content=pieces)

        problem(answer, 413, "body-too-large")


class TestWaiting:
    def test_over_the_number_of_waiters_a_server_bears_nobody_waits(self, web: Web) -> None:
        if web.kind == "django-asgi":
            pytest.skip("told the same by fastapi")
        asked(web)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            waiting = [pool.submit(_waited, web) for _ in range(4)]

            def refused() -> bool:
                return "preference-applied" not in _result(web, "wait=1").headers

            assert wait_until(refused, 10, pause=0.01)
            began = time.monotonic()
            answer = _result(web, "wait=5")
            took_s = time.monotonic() - began
            web.durable.promises.resolve(f"{web.id}.1", "yes")

        assert answer.status_code == 202
        assert took_s < 3
        assert {each.result().status_code for each in waiting} == {200}


def _result(web: Web, prefer: str):  # type: ignore[no-untyped-def]
    return web.ask("GET", f"/executions/{web.id}/result", headers={"Prefer": prefer})


def _waited(web: Web):  # type: ignore[no-untyped-def]
    while True:
        answer = _result(web, "wait=5")
        if "preference-applied" in answer.headers:
            return answer


class TestPromises:
    def test_a_signed_link_settles_one_promise(self, web: Web) -> None:
        asked(web)
        url = Links(SECRET).url(f"{web.url}/durable", f"{web.id}.1", "resolve", expires_in=60)

        answer = web.http.post(url, json={"by": "Bob"})

        assert (answer.status_code, answer.json()) == (200, {"id": f"{web.id}.1", "state": "resolved"})
        assert web.durable.get(web.id).result(5) == {"by": "Bob"}

    def test_the_same_again_is_well_and_another_is_refused(self, web: Web) -> None:
        asked(web)
        links, base = Links(SECRET), f"{web.url}/durable"
        resolve = links.url(base, f"{web.id}.1", "resolve", expires_in=60)
        reject = links.url(base, f"{web.id}.1", "reject", expires_in=60)
        web.http.post(resolve, json={"by": "Bob"})

        assert web.http.post(resolve, json={"by": "Bob"}).status_code == 200
        problem(web.http.post(resolve, json={"by": "Eve"}), 409, "already-terminal")
        problem(web.http.post(reject, json={"reason": "no"}), 409, "already-terminal")

    def test_a_rejection_reaches_who_waits_and_can_be_repeated(self, web: Web) -> None:
        asked(web)
        url = Links(SECRET).url(f"{web.url}/durable", f"{web.id}.1", "reject", expires_in=60)

        assert [web.http.post(url, json={"reason": "no"}).status_code for _ in range(2)] == [200, 200]
        web.until("failed")
        assert web.ask("GET", f"/executions/{web.id}").json()["error"] == {"type": "Rejected", "message": "no"}

    def test_a_link_for_another_promise_another_act_or_yesterday_is_none(self, web: Web) -> None:
        asked(web)
        links, base = Links(SECRET), f"{web.url}/durable"
        right = links.url(base, f"{web.id}.1", "resolve", expires_in=60)

        problem(web.http.post(links.url(base, f"{web.id}.1", "resolve", expires_in=0)), 403, "link-expired")
        problem(web.http.post(right.replace("/resolve", "/reject")), 403, "bad-link")
        problem(web.http.post(right.replace(f"{web.id}.1", f"{web.id}.2")), 403, "bad-link")
        problem(web.http.post(right[:-2]), 403, "bad-link")
        problem(web.http.post(Links("other").url(base, f"{web.id}.1", "resolve", expires_in=60)), 403, "bad-link")
        assert web.durable.get(web.id).status == "suspended"

    def test_a_link_to_an_execution_settles_nothing(self, web: Web) -> None:
        asked(web)
        problem(
            web.http.post(Links(SECRET).url(f"{web.url}/durable", web.id, "resolve", expires_in=60)),
            404,
            "unknown-promise",
        )

    def test_a_promise_whose_time_is_over_is_gone(self, web: Web) -> None:
        web.durable.promises.create(web.id, timeout=0)

        answer = web.http.post(Links(SECRET).url(f"{web.url}/durable", web.id, "resolve", expires_in=60))

        problem(answer, 410, "timed-out")


class TestRoutesOfOnesOwn:
    def test_what_is_over_soon_enough_is_answered_with_its_result(self, web: Web) -> None:
        answer = web.http.post(f"/greetings/{web.id}", headers={"Prefer": "wait=5"}, json={"name": "Bo"})

        assert (answer.status_code, answer.json()["result"]) == (200, "hello Bo")
        assert answer.headers["preference-applied"] == "wait=5"
        assert urlsplit(answer.headers["content-location"]).path == f"/durable/executions/{web.id}"

    def test_else_with_where_to_ask(self, web: Web) -> None:
        answer = web.http.post(f"/naps/{web.id}")

        assert answer.status_code == 202
        assert answer.headers["retry-after"]
        assert web.http.get(answer.headers["location"]).json()["function"] == "nap"
        assert "idempotent-replayed" not in answer.headers
        assert web.http.post(f"/naps/{web.id}").headers["idempotent-replayed"] == "true"

    def test_what_the_call_refuses_is_answered_too(self, web: Web) -> None:
        web.http.post(f"/greetings/{web.id}", json={"name": "Bo"}, headers={"Prefer": "wait=5"})

        conflict = problem(web.http.post(f"/greetings/{web.id}", json={"name": "Eve"}), 409, "id-conflict")
        problem(web.http.post("/greetings/other", json={"nam": "Eve"}), 422, "invalid-arguments")
        problem(web.http.post("/greetings/_", json={"name": "Eve"}), 400, "bad-id")
        assert "Bo" not in conflict["detail"]

    def test_a_get_that_knows_the_answer_is_told_so(self, web: Web) -> None:
        web.http.get(f"/greetings/{web.id}", headers={"Prefer": "wait=5"})
        first = web.http.get(f"/greetings/{web.id}")

        again = web.http.get(f"/greetings/{web.id}", headers={"If-None-Match": first.headers["etag"]})

        assert (first.status_code, again.status_code) == (200, 304)
