"""The core without a framework: what was seen, what is waited for, routes, and how requests are read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from durable_celery import Durable
from durable_celery.codec import Codec
from durable_celery.dev.child import wait_until
from durable_celery.errors import Expired, TooManyExecutions
from durable_celery.errors.problem import Problem
from durable_celery.http.problems import document
from durable_celery.promise import Promise
from durable_celery.web.answers import dumps
from durable_celery.web.core import Core, Slots, responding
from durable_celery.web.events import Seen
from durable_celery.web.exposed import PROBLEMS
from durable_celery.web.links import Links
from durable_celery.web.message import Req
from durable_celery.web.options import Options
from durable_celery.web.routes import ROUTES
from tests.rest import closed_at_rest
from tests.web import shop

positions = st.lists(st.integers(1, 40), min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))
marks = st.one_of(st.just("d"), st.integers(1, 99).map("p{}".format))


@pytest.fixture
def durable() -> Iterator[Durable]:
    with closed_at_rest(Durable.local()) as made:
        yield made


@pytest.fixture
def core(durable: Durable) -> Core:
    functions = shop.registered(durable)
    return Core(
        durable, [each for name, each in functions.items() if name != "secret"], Options(max_wait=5, authorize=all_may)
    )


def all_may(*_: Any) -> bool:
    return True


def put(id: str, function: str, *args: Any, **headers: str) -> Req:
    body = json.dumps({"args": args}).encode()
    path = f"/functions/{function}/executions/{id}"
    return Req(method="PUT", path=path, base="/d", headers=headers, read=lambda limit: body[:limit])


class TestSeen:
    @given(st.dictionaries(positions, marks, max_size=60))
    def test_what_was_seen_is_read_from_the_id_of_an_event(self, steps: dict[str, str]) -> None:
        seen = Seen("running/3", "9af", steps, logged=7)
        text = seen.encode()
        if not text.endswith("*"):
            assert Seen.decode(text) == seen
        assert len(text) < 1100
        assert text.isascii()
        assert text.isprintable()

    @given(st.text(max_size=80))
    def test_any_text_can_be_read(self, text: str) -> None:
        assert isinstance(Seen.decode(text), Seen)

    def test_a_long_history_is_a_short_id(self) -> None:
        seen = Seen("running/1", "0", {str(n): "d" for n in range(1, 9_000)} | {"9000": "p2"})
        assert seen.encode() == "running/1;0;1-8999,9000p2"
        assert Seen.decode(seen.encode()) == seen

    def test_a_range_that_nobody_could_have_seen_costs_nothing(self) -> None:
        assert len(Seen.decode("running/1;0;" + ",".join(f"{n}.1-999999" for n in range(1, 99))).steps) == 0


class TestMetrics:
    def test_what_the_store_counts_is_told_in_prometheus_words(self, durable: Durable, core: Core) -> None:
        core.handle(put("m-1", "later"))
        core.handle(put("m-2", "ask"))
        durable.register(name="unexposed")(lambda ctx: ctx.promise().get()).run("m-3")
        assert wait_until(lambda: durable.get("m-2").status == durable.get("m-3").status == "suspended", 10)

        answer = core.handle(Req(method="GET", path="/metrics"))

        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        families = {each.name: each for each in text_string_to_metric_families(answer.body.decode())}
        pending = {sample.labels["function"]: sample.value for sample in families["durable_executions_pending"].samples}
        assert {name: number for name, number in pending.items() if number} == {"later": 1, "ask": 1, "(others)": 1}
        assert {name: each.samples[0].value for name, each in families.items() if "pending" not in name} == {
            "durable_executions_ready": 1,
            "durable_executions_leased": 0,
            "durable_executions_parked": 0,
            "durable_timers": 0,
            "durable_tasks_awaited": 0,
            "durable_executions_listed": 3,
        }
        assert {each.type for each in families.values()} == {"gauge"}


class TestQueueLimit:
    @pytest.mark.parametrize("limit", [1, {"later": 1, "greet": 0}])
    def test_a_mount_says_how_many_may_be_pending(self, durable: Durable, limit: Any) -> None:
        functions = shop.registered(durable)
        core = Core(durable, [functions["later"], functions["ask"]], Options(max_pending=limit))

        answers = [core.handle(put(f"q-{number}", "later")) for number in (1, 2, 1)]
        assert [answer.status for answer in answers] == [202, 429, 202]

        durable.cancel("q-1", grace=0)
        assert core.handle(put("q-2", "later")).status == 202
        assert core.handle(put("q-3", "ask")).status == 202


class TestRoutesOfOnesOwn:
    @pytest.mark.parametrize(
        ("error", "status", "kind"),
        [(Expired("a", "greet"), 410, "expired"), (TooManyExecutions("greet", 1), 429, "too-many-executions")],
        ids=["expired", "too many"],
    )
    def test_what_a_start_refuses_is_a_problem(self, error: Exception, status: int, kind: str) -> None:
        def start() -> Any:
            raise error

        answer = responding(start, Slots(1))

        assert (answer.status, json.loads(answer.body)["type"]) == (status, kind)
        assert answer.headers.get("Retry-After") == ("5" if status == 429 else None)


class TestWaitingOn:
    def test_timers_promises_and_tries_say_what_is_waited_for(self, durable: Durable, core: Core) -> None:
        from durable_celery import RetryPolicy  # noqa: PLC0415

        def flaky() -> None:
            raise ValueError("not yet")

        @durable.register
        def both(ctx: Any) -> Any:
            ctx.run(flaky).options(retry=RetryPolicy(initial=60)).get()

        two = Core(durable, [both], Options())
        two.handle(put("b-1", "both"))
        assert wait_until(lambda: durable.get("b-1").status == "suspended", 10)

        shown = json.loads(two.handle(Req(method="GET", path="/executions/b-1", base="/d")).body)

        [waits] = shown["waiting_on"]
        assert (waits["kind"], waits["name"], waits["tries"]) == ("retry", "flaky", 1)
        assert shown["wake_at"] == waits["until"]

    def test_a_timer_and_its_end(self, durable: Durable, core: Core) -> None:
        core.handle(put("n-1", "nap", 30))
        assert wait_until(lambda: durable.get("n-1").status == "suspended", 10)

        answer = core.handle(Req(method="GET", path="/executions/n-1", base="/d"))

        shown = json.loads(answer.body)
        assert shown["waiting_on"] == [{"kind": "sleep", "id": "n-1.1", "until": shown["wake_at"]}]
        assert 20 <= int(answer.headers["Retry-After"]) <= 30
        assert shown["updated_at"] >= shown["created_at"]


class TestHandling:
    def test_both_twins_answer_alike(self, core: Core) -> None:
        threads = core.handle(put("g-1", "greet", "Ann", prefer="wait=5"))
        loop = asyncio.run(core.ahandle(put("g-2", "greet", "Ann", prefer="wait=5")))

        assert (threads.status, loop.status) == (200, 200)
        assert set(threads.headers) == set(loop.headers)
        assert json.loads(threads.body)["result"] == json.loads(loop.body)["result"] == "hello Ann"

    def test_a_wait_on_an_event_loop_holds_no_thread(self, durable: Durable, core: Core) -> None:
        """More wait than a loop has threads, and one that does not wait is answered meanwhile."""
        waiting = Options(max_wait=20, max_waiters=None)
        many = Core(durable, [shop_function(durable, "ask")], waiting)

        async def all_at_once() -> list[int]:
            waits = [asyncio.create_task(many.ahandle(put("a-1", "ask", prefer="wait=20"))) for _ in range(100)]
            while not any(each.done() for each in waits):
                answer = await many.ahandle(Req(method="GET", path="/executions/a-1", base="/d"))
                if answer.status == 202 and json.loads(answer.body)["status"] == "suspended":
                    break
            await asyncio.to_thread(durable.promises.resolve, "a-1.1", "yes")
            return [each.status for each in await asyncio.gather(*waits)]

        assert asyncio.run(all_at_once()) == [200] * 100

    def test_a_body_is_not_read_to_its_end_when_it_is_too_large(self, core: Core) -> None:
        asked: list[int] = []

        def read(limit: int) -> bytes:
            asked.append(limit)
            return b"x" * limit

        request = Req(method="PUT", path="/functions/greet/executions/x", read=read)

        assert core.handle(request).status == 413
        assert asked == [1024 * 1024 + 1]

    def test_one_that_says_it_is_too_large_is_not_read_at_all(self, core: Core) -> None:
        def read(_: int) -> bytes:
            raise AssertionError

        request = Req(
            method="PUT", path="/functions/greet/executions/x", read=read, headers={"content-length": "9999999"}
        )

        assert core.handle(request).status == 413

    def test_an_error_of_ours_tells_nothing_of_itself(self, core: Core) -> None:
        def read(_: int) -> bytes:
            raise RuntimeError("the password is sesame")

        answer = core.handle(Req(method="PUT", path="/functions/greet/executions/x", read=read))

        assert answer.status == 500
        assert b"sesame" not in answer.body

    def test_every_route_has_a_word_for_what_it_is(self) -> None:
        assert all(route.summary.endswith((".", ":")) or route.summary for route in ROUTES)
        assert len({route.name for route in ROUTES}) == len(ROUTES)


class TestSlots:
    def test_as_many_as_there_are(self) -> None:
        slots = Slots(1)
        with slots.taken() as first, slots.taken() as second:
            assert (first, second) == (True, False)
        with slots.taken() as again:
            assert again

    def test_none_and_any(self) -> None:
        with Slots(0).taken() as got:
            assert not got
        any_number = Slots(None)
        with any_number.taken() as first, any_number.taken() as second:
            assert first
            assert second


class TestLinks:
    def test_an_old_secret_is_taken_until_it_is_forgotten(self) -> None:
        token = Links("old").token("a-1", "resolve", expires_in=60)
        Links(["old", "new"]).check(token, "a-1", "resolve")
        with pytest.raises(Problem, match="not made here"):
            Links("new").check(token, "a-1", "resolve")

    def test_a_link_is_for_settling_only(self) -> None:
        with pytest.raises(ValueError, match="cancel"):
            Links("s").token("a-1", "cancel", expires_in=60)


class TestFailures:
    def test_an_error_says_its_status_also_where_its_class_is_not_known(self) -> None:
        class Declined(Exception):
            http_status = 402

        codec = Codec()
        outcome = codec.failure(Declined("no money"))
        promise = Promise(id="a-1", state=outcome.state, value=outcome.value)

        found = PROBLEMS.of_failure(promise, codec, {})

        assert (found.status, found.kind) == (402, "execution-failed")
        assert found.extra["error"] == {"type": "Declined", "message": "no money"}

    @pytest.mark.parametrize("status", [200, 99, 600, "402", True, None])
    def test_what_is_no_error_status_is_500(self, status: Any) -> None:
        error = ValueError("broken")
        error.http_status = status  # type: ignore[attr-defined]
        codec = Codec()
        outcome = codec.failure(error)

        assert PROBLEMS.of_failure(Promise(id="a-1", state=outcome.state, value=outcome.value), codec, {}).status == 500

    def test_what_json_cannot_say_is_said_as_well_as_it_can(self) -> None:
        said = dumps({"at": datetime(2026, 1, 2, tzinfo=UTC), "id": UUID(int=1), "none": [float("nan")]})
        assert json.loads(said, parse_constant=lambda _: 1 / 0) == {
            "at": "2026-01-02T00:00:00+00:00",
            "id": "00000000-0000-0000-0000-000000000001",
            "none": [None],
        }


def test_a_problem_is_a_document() -> None:
    said = json.loads(document(Problem(409, "id-conflict", "taken", id="a-1")))
    assert said == {"type": "id-conflict", "title": "Conflict", "status": 409, "detail": "taken", "id": "a-1"}


def shop_function(durable: Durable, name: str) -> Any:
    from durable_celery import Function  # noqa: PLC0415

    return Function(durable, durable.registry.get(name))
