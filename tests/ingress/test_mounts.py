"""The application inside another one: FastAPI, Starlette and Django, under a prefix that its links carry."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
import pytest
from django.conf import settings
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

from durable_celery import Durable, app
from tests.ingress.conftest import Web, problem
from tests.ingress.shop import SERVICES

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "/api/durable"


def in_fastapi(ingress: Any) -> Any:
    api = FastAPI()
    api.mount(PREFIX, ingress)
    return api


def in_starlette(ingress: Any) -> Any:
    return Starlette(routes=[Mount("/api", routes=[Mount("/durable", app=ingress)])])


def in_django(ingress: Any) -> Any:
    if not settings.configured:
        settings.configure(DEBUG=False, ALLOWED_HOSTS=["*"], ROOT_URLCONF=(), SECRET_KEY="x")
        django.setup()
    from django.core.asgi import get_asgi_application  # noqa: PLC0415  # reads the settings

    pages = get_asgi_application()

    async def dispatch(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PREFIX + "/"):
            await ingress({**scope, "root_path": PREFIX}, receive, send)
        else:
            await pages(scope, receive, send)

    return dispatch


def with_the_prefix_taken_off(ingress: Any) -> Any:
    """As proxies and older servers do it: the path begins below the prefix."""

    async def dispatch(scope: Any, receive: Any, send: Any) -> None:
        await ingress({**scope, "path": scope["path"].removeprefix(PREFIX), "root_path": PREFIX}, receive, send)

    return dispatch


def without_a_raw_path(ingress: Any) -> Any:
    """Servers need not have one."""

    async def dispatch(scope: Any, receive: Any, send: Any) -> None:
        scope = {**scope, "root_path": PREFIX}
        del scope["raw_path"]
        await ingress(scope, receive, send)

    return dispatch


WAYS = (in_fastapi, in_starlette, in_django, with_the_prefix_taken_off, without_a_raw_path)


@pytest.mark.parametrize("mounted", WAYS)
def test_links_carry_the_prefix(serve: Callable[[Any], Web], mounted: Callable[[Any], Any]) -> None:
    web = serve(mounted(app(SERVICES, Durable.local())))

    answer = web.post(f"{PREFIX}/Shop/greet/send", "ann")
    assert answer.headers["location"].startswith(f"{PREFIX}/restate/invocation/")
    assert web.get(answer.headers["location"]).json() == "hello ann"
    assert web.get(f"{PREFIX}/openapi.json").json()["servers"] == [{"url": PREFIX}]
    assert web.post(f"{PREFIX}/Counter/%C3%A4%20b/key").json() == "ä b"
    if mounted is not without_a_raw_path:
        assert web.post(f"{PREFIX}/Counter/a%2Fb/key").json() == "a/b"
    problem(web.post(f"{PREFIX}/Shop/nope"), 404, "unknown-function")
    problem(web.get(f"{PREFIX}/Shop/greet"), 405, "method-not-allowed")


def test_what_is_beside_it_is_the_other_applications(serve: Callable[[Any], Web]) -> None:
    for mounted in (in_fastapi, in_starlette, in_django):
        answer = serve(mounted(app(SERVICES, Durable.local()))).get("/Shop/greet")
        assert answer.status_code == 404
        assert answer.headers["content-type"] != "application/problem+json"


# Where it takes its Durable from


def python(program: str, **environ: str) -> str:
    unset = ("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "DURABLE_STORE_URL")
    env = {**{name: value for name, value in os.environ.items() if name not in unset}, **environ}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**env, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


LOOK = """
import json
import durable_celery as restate
greeter = restate.Service("Greeter")
greeter.handler("greet")(lambda ctx: None)
app = restate.app([greeter])
celery = app.celery
print(json.dumps({
    "store": type(app.durable.store).__name__,
    "broker": celery and celery.conf.broker_url,
    "backend": celery and celery.conf.result_backend,
    "store_url": celery and celery.conf.get("durable_store_url"),
    "task": celery and "Greeter.greet" in celery.tasks,
}))
"""


def test_without_a_durable_the_environment_says_where(redis_url: str) -> None:
    assert json.loads(python(LOOK)) == dict.fromkeys(("broker", "backend", "store_url", "task")) | {
        "store": "LocalStore"
    }

    here = json.loads(python(LOOK, DURABLE_STORE_URL=redis_url))
    assert (here["store"], here["broker"]) == ("RedisStore", None)

    both = {"store": "RedisStore", "broker": redis_url, "backend": redis_url, "task": True}
    assert json.loads(python(LOOK, CELERY_BROKER_URL=redis_url)) == {**both, "store_url": None}
    apart = {"CELERY_BROKER_URL": "amqp://broker.test", "DURABLE_STORE_URL": redis_url}
    assert json.loads(python(LOOK, **apart)) == {**both, "broker": "amqp://broker.test", "store_url": redis_url}
    backend = json.loads(python(LOOK, **apart, CELERY_RESULT_BACKEND="cache+memory://"))["backend"]
    assert backend == "cache+memory://"


def test_a_missing_starlette_names_the_extra_and_nothing_else_needs_it() -> None:
    program = """
import sys
sys.modules["starlette"] = None
import durable_celery
try:
    durable_celery.app([])
except ImportError as error:
    print(error)
"""
    assert python(program) == "serving over HTTP needs Starlette: pip install 'durable-celery[asgi]'"
    assert python("import sys, durable_celery; print('starlette' in sys.modules)") == "False"
