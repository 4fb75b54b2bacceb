"""The Flask extension: factories, several applications, configuration, and the context of functions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import flask
import pytest
from celery import Celery

from durable_celery import Context, Durable, StoreMisconfigured
from durable_celery.web.flask import DurableFlask, current_durable, durable_api, respond
from tests.rest import closed_at_rest


@pytest.fixture
def durable() -> Iterator[Durable]:
    with closed_at_rest(Durable.local()) as made:
        yield made


def hello(ctx: Context, name: str) -> Any:
    return ctx.run(lambda: f"hello {name}").get()


def where(*_: Any) -> str:
    return str(flask.current_app.name) if flask.has_app_context() else "nowhere"


class TestMounting:
    def test_one_extension_serves_all_applications_that_a_factory_makes(self, durable: Durable) -> None:
        extension = DurableFlask(durable, expose=[durable.register(hello)])
        for name in ("one", "two"):
            app = flask.Flask(name)
            extension.init_app(app)

            answer = app.test_client().put(
                f"/durable/functions/hello/executions/{name}", json={"args": [name]}, headers={"Prefer": "wait=5"}
            )

            assert (answer.status_code, answer.json["result"]) == (200, f"hello {name}")
            assert app.extensions["durable"].durable is durable

    def test_an_application_may_be_given_at_once(self, durable: Durable) -> None:
        app = flask.Flask("shop")
        DurableFlask(durable, app=app, url_prefix="/jobs")
        assert app.test_client().get("/jobs/functions").json == {"functions": []}

    def test_views_that_are_slow_are_bound_to_each_application(self, durable: Durable) -> None:
        extension = DurableFlask(durable, url_prefix="/jobs", authorize=lambda *_: flask.request.args.get("me") == "1")
        for name in ("shop", "office"):
            app = flask.Flask(name)

            @app.post("/words")
            @durable_api
            def words() -> Any:
                return {"app": flask.current_app.name, "words": len(flask.request.get_json().split())}

            extension.init_app(app)
            client = app.test_client()
            accepted = client.post("/words", json="good morning")
            done = client.get(f"{accepted.location}?me=1", headers={"Prefer": "wait=5"})

            assert accepted.status_code == 202
            assert accepted.location.startswith("/jobs/status/")
            assert done.json == {"app": name, "words": 2}
            assert client.get(accepted.location).status_code == 403

    def test_without_a_prefix_nothing_is_mounted_and_views_have_the_durable(self, durable: Durable) -> None:
        app = flask.Flask("shop")
        extension = DurableFlask(durable, app=app, url_prefix=None)
        durable.register(hello)

        @app.post("/hello/<name>")
        def say(name: str) -> Any:
            assert extension.durable is durable
            return respond(lambda: current_durable.run(f"say-{name}", "hello", name), wait=5)

        client = app.test_client()
        assert client.get("/durable/functions").status_code == 404
        assert client.post("/hello/ann").json["result"] == "hello ann"

    def test_the_configuration_counts_more_than_the_code(self, durable: Durable) -> None:
        durable.register(hello)
        app = flask.Flask("shop")
        app.config.update(DURABLE_EXPOSE=["hello"], DURABLE_URL_PREFIX="/jobs", DURABLE_ALLOW_ANONYMOUS=True)
        DurableFlask(durable, app=app, url_prefix="/durable", allow_anonymous=False, max_body=20)

        client = app.test_client()
        assert client.post("/jobs/functions/hello/executions", json={"args": ["a"]}).status_code in (200, 202)
        assert client.post("/jobs/functions/hello/executions", json={"args": ["a" * 20]}).status_code == 413

    def test_each_application_may_have_a_durable_of_its_own(self, redis_url: str) -> None:
        extension = DurableFlask()
        one, two = flask.Flask("one"), flask.Flask("two")
        one.config["DURABLE_STORE_URL"] = redis_url
        two.extensions["celery"] = Celery("two", broker=redis_url, backend=redis_url)
        for app in (one, two):
            extension.init_app(app)

        with one.app_context():
            assert current_durable.app is None
            ours = extension.durable
            assert ours.store.search().promises == ()
        with two.app_context():
            assert current_durable.app is two.extensions["celery"]
            theirs = extension.durable
        assert ours is not theirs
        for durable in (ours, theirs):
            durable.close()

    def test_it_is_said_what_is_missing(self) -> None:
        with pytest.raises(StoreMisconfigured, match="DURABLE_STORE_URL"):
            DurableFlask(app=flask.Flask("shop"))
        with flask.Flask("shop").app_context(), pytest.raises(RuntimeError, match="init_app"):
            current_durable.run("x", "y")


class TestContext:
    def test_functions_have_none_unless_it_is_asked_for(self, durable: Durable) -> None:
        DurableFlask(durable, app=flask.Flask("shop"))
        assert durable.register(where).call("w-1") == "nowhere"

    def test_it_is_that_of_the_application_made_last(self, durable: Durable) -> None:
        extension = DurableFlask(durable, app_context=True)
        for name in ("one", "two"):
            extension.init_app(flask.Flask(name))

        def both(ctx: Context) -> Any:
            return [where(), ctx.run(where).get(), ctx.begin_run(where).get()]

        assert durable.register(both).call("w-1") == ["two", "two", "two"]

    def test_what_is_torn_down_is_torn_down_before_a_step_is_recorded(self, durable: Durable) -> None:
        app, told = flask.Flask("shop"), []
        DurableFlask(durable, app=app, app_context=True)

        @app.teardown_appcontext
        def end(error: BaseException | None) -> None:
            told.append((flask.g.get("what"), type(error).__name__))

        def fail() -> None:
            flask.g.what = "step"
            raise ValueError

        def body(ctx: Context) -> str:
            flask.g.what = "body"
            with pytest.raises(ValueError):
                ctx.run(fail).get()
            return str(told)

        durable.register(body).call("t-1")
        assert told == [("step", "ValueError"), ("body", "NoneType")]


class TestAround:
    def test_what_is_around_nests_in_the_order_given_and_ends_when_it_is_told(self, durable: Durable) -> None:
        told: list[str] = []

        @contextmanager
        def noted(name: str) -> Iterator[None]:
            told.append(f"{name} begins")
            yield
            told.append(f"{name} ends")

        ends = [durable.around(lambda name=name: noted(name)) for name in ("outer", "inner")]
        function = durable.register(where)
        function.call("a-1")
        assert told == ["outer begins", "inner begins", "inner ends", "outer ends"]

        for end in ends:
            end()
        function.call("a-2")
        assert len(told) == 4

    def test_it_may_not_swallow_what_a_function_raises(self, durable: Durable) -> None:
        class Swallows:
            def __enter__(self) -> None: ...

            def __exit__(self, *_: object) -> bool:
                return True

        def fails(ctx: Context) -> None:
            raise ValueError

        durable.around(Swallows)
        with pytest.raises(Exception, match="must not swallow"):
            durable.register(fails).call("s-1")
