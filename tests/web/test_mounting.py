"""What is said where the API is mounted: who may do what, whose keys they are, what is open."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import flask
import httpx
import pytest
from django.core.exceptions import PermissionDenied
from fastapi import Depends, FastAPI, HTTPException, Request
from openapi_spec_validator import validate

from durable_celery import Durable, Service
from durable_celery.dev import EmbeddedRedis
from durable_celery.settings import Settings
from durable_celery.web.exposed import Exposed
from durable_celery.web.fastapi import router
from durable_celery.web.links import Links
from durable_celery.web.options import Options
from tests.web import shop
from tests.web.conftest import Web, options, problem
from tests.web.servers import KINDS, configured, django_asgi, django_urls, on_uvicorn, served

Mount = Callable[..., Web]


@pytest.fixture(params=KINDS)
def mount(request: pytest.FixtureRequest, durable: Durable, functions: dict[str, Any]) -> Iterator[Mount]:
    """Mount the API in one framework with options of the test's own."""
    with ExitStack() as stack:

        def mounted(**said: Any) -> Web:
            url = stack.enter_context(served(request.param, durable, functions, said))
            web = Web(url, request.param, durable)
            stack.callback(web.http.close)
            return web

        yield mounted


def refusal(kind: str) -> Callable[..., bool]:
    """Refuses in the framework's own words."""

    def refuse(*_: Any) -> bool:
        if kind == "flask":
            flask.abort(403, "not today")
        if kind == "fastapi":
            raise HTTPException(403, "not today")
        raise PermissionDenied("not today")

    return refuse


class TestExposing:
    def test_nothing_is_exposed_that_is_not_named(self, mount: Mount) -> None:
        web = mount(expose=[], authorize=lambda *_: True)
        web.durable.run(web.id, "greet", "Ann").result()

        problem(web.put("greet", "Ann"), 404, "unknown-function")
        problem(web.ask("GET", f"/executions/{web.id}"), 404, "unknown-execution")
        assert web.ask("GET", "/functions").json() == {"functions": []}
        assert web.ask("GET", "/executions").json() == {"executions": [], "next": None}

    def test_a_name_is_enough(self, mount: Mount) -> None:
        web = mount(expose=["greet"])
        assert web.put("greet", "Ann", Prefer="wait=5").json()["result"] == "hello Ann"

    def test_what_is_no_registered_function_cannot_be_exposed(self, durable: Durable) -> None:
        with pytest.raises(TypeError, match="registered"):
            router(durable, expose=[shop.greet])  # type: ignore[list-item]

    def test_a_handler_is_served_by_the_ingress_and_not_from_here(self, durable: Durable) -> None:
        service = Service(f"Greeter{uuid.uuid4().hex}")

        @service.handler()
        def hello(ctx: Any) -> str:
            return "hello"

        durable.bind(service)
        exposed = Exposed(durable, [f"{service.name}.hello"], Options(), lambda _: None)

        with pytest.raises(TypeError, match=r"durable_celery\.app"):
            exposed.target(f"{service.name}.hello")


class TestAuthorize:
    def test_the_frameworks_own_refusal_becomes_a_problem(self, mount: Mount, request: pytest.FixtureRequest) -> None:
        kind = request.node.callspec.params["mount"]
        web = mount(expose=["greet"], authorize=refusal(kind))

        said = problem(web.put("greet", "Ann"), 403, "forbidden")

        assert said["detail"] == "not today"

    @pytest.mark.parametrize("said", [None, False, "", "yes"])
    def test_only_true_lets_pass(self, mount: Mount, said: Any) -> None:
        web = mount(expose=["greet"], authorize=lambda *_: said)

        problem(web.put("greet", "Ann"), 403, "forbidden")
        problem(web.ask("GET", f"/executions/{web.id}"), 403, "forbidden")
        problem(web.ask("GET", "/executions"), 403, "forbidden")
        assert web.ask("GET", "/functions").json() == {"functions": []}

    def test_it_may_be_asynchronous_and_is_told_what_is_asked(self, mount: Mount) -> None:
        asked = []

        async def authorize(function: str, id: str, action: str, request: Any) -> bool:
            asked.append((function, id, action, request.headers["X-Who"]))
            return True

        web = mount(expose=["greet"], authorize=authorize)
        web.put("greet", "Ann", X_Who="ann", Prefer="wait=5")
        web.ask("GET", f"/executions/{web.id}?view=full", headers={"X-Who": "bo"})

        assert asked == [("greet", web.id, "start", "ann"), ("greet", web.id, "inspect", "bo")]

    def test_a_list_leaves_out_what_one_may_not_read(self, mount: Mount, functions: dict[str, Any]) -> None:
        web = mount(
            expose=[functions["later"]], authorize=lambda _, told, action, __: action != "read" or told.endswith("-1")
        )
        for number in (1, 2):
            web.put("later", id=f"{web.id}-{number}")

        found = web.ask("GET", "/executions", params={"prefix": web.id}).json()["executions"]

        assert [each["id"] for each in found] == [f"{web.id}-1"]


class TestKeys:
    def test_keys_of_different_people_are_different(self, mount: Mount) -> None:
        web = mount(expose=["greet"], principal=lambda request: request.headers.get("X-Who"))

        def post(who: str, name: str) -> httpx.Response:
            headers = {"X-Who": who, "Idempotency-Key": web.id, "Prefer": "wait=5"}
            return web.ask("POST", "/functions/greet/executions", json={"args": [name]}, headers=headers)

        ann, bo = post("ann", "Ann"), post("bo", "Bo")

        assert (ann.json()["result"], bo.json()["result"]) == ("hello Ann", "hello Bo")
        assert ann.json()["id"] != bo.json()["id"]
        assert post("ann", "Ann").headers["idempotent-replayed"] == "true"
        problem(post("ann", "Eve"), 422, "idempotency-key-reused")

    def test_without_a_key_each_is_another_where_that_is_allowed(self, mount: Mount, functions: dict[str, Any]) -> None:
        web = mount(expose=[functions["later"]], allow_anonymous=True)

        one, other = (web.ask("POST", "/functions/later/executions") for _ in range(2))

        assert (one.status_code, other.status_code) == (202, 202)
        assert one.json()["id"] != other.json()["id"]
        assert web.http.get(one.headers["location"]).status_code == 202


class TestPromises:
    def test_promises_may_be_opened_to_those_who_may(self, mount: Mount) -> None:
        allowed = ("resolve", "reject", "start")
        web = mount(expose=["ask"], promises=True, authorize=lambda _, __, action, ___: action in allowed)
        web.put("ask")
        web.until("suspended")
        other = f"{web.id}-secret"
        web.durable.promises.create(other)

        answer = web.ask("POST", f"/promises/{web.id}.1/resolve", json={"by": "Bob"})

        assert answer.json() == {"id": f"{web.id}.1", "state": "resolved"}
        assert web.durable.get(web.id).result(5) == {"by": "Bob"}
        assert web.ask("POST", f"/promises/{other}/reject", json="no").json()["state"] == "rejected"
        problem(web.ask("POST", f"/promises/{web.id}/resolve"), 404, "unknown-promise")
        problem(web.ask("POST", f"/promises/{web.id}.9/resolve"), 404, "unknown-promise")

    def test_those_of_functions_that_are_not_exposed_stay_closed(self, mount: Mount) -> None:
        web = mount(expose=["greet"], promises=True, authorize=lambda *_: True)
        web.durable.run(web.id, "ask")
        web.until("suspended")

        problem(web.ask("POST", f"/promises/{web.id}.1/resolve"), 404, "unknown-promise")
        assert web.durable.get(web.id).status == "suspended"


class TestRedirects:
    def test_a_monitor_may_lead_to_the_result(self, mount: Mount) -> None:
        web = mount(expose=["greet"], on_complete="redirect")
        web.put("greet", "Ann", Prefer="wait=5")

        answer = web.ask("GET", f"/executions/{web.id}")

        assert (answer.status_code, answer.headers["location"]) == (303, f"/durable/executions/{web.id}/result")
        assert web.http.get(answer.headers["location"]).json() == "hello Ann"


class TestAnotherStore:
    @pytest.mark.parametrize("kind", KINDS)
    def test_when_redis_is_away_clients_are_told_to_come_back(self, kind: str) -> None:
        with EmbeddedRedis(appendfsync="no") as redis:
            durable = Durable(store=redis.url)
            durable.settings = Settings(store_timeout_s=0.3)
            functions = shop.registered(durable)
            with served(kind, durable, functions, options(functions, authorize=lambda *_: True)) as url:
                web = Web(url, kind, durable)
                assert web.put("greet", "Ann", Prefer="wait=5").status_code == 200
                assert web.ask("GET", "/executions").json()["executions"][0]["id"] == web.id
                redis.kill()

                for answer in (
                    web.put("greet", "Bo", id=f"{web.id}-2"),
                    web.ask("GET", f"/executions/{web.id}"),
                    web.ask("GET", "/executions"),
                    web.ask("GET", "/readyz"),
                    web.http.post(f"/greetings/{web.id}-3"),
                ):
                    problem(answer, 503, "store-unavailable")
                    assert answer.headers["retry-after"] == "5"
                assert web.ask("GET", "/healthz").status_code == 200
                redis.start()
                assert web.put("greet", "Bo", id=f"{web.id}-2", Prefer="wait=5").status_code == 200
                web.http.close()
            durable.close()


class TestFastAPI:
    def test_dependencies_come_first(self, durable: Durable, functions: dict[str, Any]) -> None:
        def user(request: Request) -> None:
            if request.headers.get("authorization") != "Bearer ann":
                raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})

        app = FastAPI()
        app.include_router(
            router(durable, expose=[functions["later"]], dependencies=[Depends(user)]), prefix="/durable"
        )
        with on_uvicorn(app) as url:
            path = f"{url}/durable/functions/later/executions/{uuid.uuid4()}"
            assert httpx.put(path).status_code == 401
            assert httpx.put(path, headers={"Authorization": "Bearer ann"}).status_code == 202

    @pytest.mark.parametrize(("hook", "number"), [(lambda *_: True, 16), (None, 11)], ids=["hooked", "bare"])
    def test_the_document_shows_every_route_that_lets_anybody_pass(
        self, durable: Durable, functions: dict[str, Any], hook: Any, number: int
    ) -> None:
        app = FastAPI()
        app.include_router(router(durable, expose=[functions["later"]], authorize=hook), prefix="/durable")

        document = app.openapi()

        validate(document)
        shown = {(method, path) for path, methods in document["paths"].items() for method in methods}
        assert ("put", "/durable/functions/{fn}/executions/{id}") in shown
        assert ("get", "/durable/executions/{id}/events") in shown
        assert len(shown) == number  # nothing lets promises be settled
        start = document["paths"]["/durable/functions/{fn}/executions/{id}"]["put"]
        assert {each["name"] for each in start["parameters"]} == {"fn", "id", "Prefer"}
        assert "application/json" in start["requestBody"]["content"]
        assert {"200", "202", "409", "503"} <= set(start["responses"])

    def test_behind_a_proxy_that_takes_a_prefix_off_links_have_it(
        self, durable: Durable, functions: dict[str, Any]
    ) -> None:
        app = FastAPI()
        app.include_router(router(durable, expose=[functions["later"]]), prefix="/durable")
        id = str(uuid.uuid4())
        with on_uvicorn(app, root_path="/shop") as url:
            answer = httpx.put(f"{url}/durable/functions/later/executions/{id}")
        assert answer.headers["location"] == f"/shop/durable/executions/{id}"


class TestDjango:
    @pytest.fixture
    def view(self, durable: Durable, functions: dict[str, Any]) -> Callable[..., Any]:
        configured()
        from durable_celery.web.django import urls  # noqa: PLC0415  # reads the settings

        patterns, _ = urls(durable, expose=[functions["later"], "ask"], secret="sesame", promises=True)
        return patterns[-1].callback  # type: ignore[no-any-return]

    @pytest.fixture
    def careful(self) -> Iterator[None]:
        """A site that asks for CSRF tokens."""
        configured()
        from django.test import override_settings  # noqa: PLC0415

        with override_settings(MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"]):
            yield

    def put(self, view: Callable[..., Any], query: str = "", **headers: str) -> Any:
        from django.test import RequestFactory  # noqa: PLC0415

        path = f"functions/later/executions/{uuid.uuid4()}"
        request = RequestFactory(enforce_csrf_checks=True).put(f"/durable/{path}{query}", headers=headers)
        return view(request, path)

    def test_another_site_cannot_have_a_browser_start_anything(self, view: Callable[..., Any], careful: None) -> None:
        refused = self.put(view)

        assert refused.status_code == 403
        assert b'"type": "csrf"' in refused.content

    def test_who_bears_a_token_of_its_own_needs_no_other(self, view: Callable[..., Any], careful: None) -> None:
        assert self.put(view, Authorization="Bearer ann").status_code == 202

    def test_a_site_that_asks_for_no_tokens_is_asked_for_none(self, view: Callable[..., Any]) -> None:
        configured()
        from django.test import override_settings  # noqa: PLC0415

        with override_settings(MIDDLEWARE=[]):
            assert self.put(view).status_code == 202

    def test_a_link_works_where_tokens_are_asked_for(
        self, view: Callable[..., Any], durable: Durable, careful: None
    ) -> None:
        from django.test import RequestFactory  # noqa: PLC0415

        id = str(uuid.uuid4())
        durable.promises.create(id)
        path = f"promises/{id}/resolve"
        token = Links("sesame").token(id, "resolve", expires_in=60)

        answer = view(
            RequestFactory(enforce_csrf_checks=True).post(f"/durable/{path}?token={token}", "1", "application/json"),
            path,
        )

        assert answer.status_code == 200
        assert durable.promises.get(id).state == "resolved"

    def test_synchronous_views_on_an_event_loop_hold_up_nobody(
        self, durable: Durable, functions: dict[str, Any]
    ) -> None:
        configured()
        urls = django_urls(durable, functions, {"expose": ["nap"]}, asynchronous=False)
        with on_uvicorn(django_asgi(urls)) as url:
            web = Web(url, "django-asgi", durable)
            web.put("nap", 60)
            answer = web.ask("GET", f"/executions/{web.id}/result", headers={"Prefer": "wait=5"})
            assert (answer.status_code, answer.headers.get("preference-applied")) == (202, None)
            with web.http.stream("GET", f"/durable/executions/{web.id}/events") as stream:
                assert next(stream.iter_lines()) == "retry: 2000"
            web.http.close()
