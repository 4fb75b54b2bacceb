"""One API in three frameworks, on real sockets: Flask and Django on waitress, FastAPI and Django on uvicorn."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import django
import flask
import uvicorn
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from fastapi import FastAPI, Request
from waitress.server import create_server

from durable_celery import Durable
from durable_celery.dev import free_port
from durable_celery.dev.child import wait_until
from durable_celery.web import fastapi as in_fastapi
from durable_celery.web import flask as in_flask

THREADS = 12


def flask_app(durable: Durable, functions: dict[str, Any], options: dict[str, Any]) -> flask.Flask:
    """Mounted below /durable, with a route of its own."""
    app = flask.Flask("shop")
    app.register_blueprint(in_flask.blueprint(durable, **options), url_prefix="/durable")
    greet = functions["greet"]

    @app.route("/greetings/<oid>", methods=["GET", "POST"])
    def place(oid: str) -> Any:
        return in_flask.respond(lambda: greet.run(oid, **(flask.request.get_json(silent=True) or {"name": "Ann"})))

    @app.post("/naps/<oid>")
    def nap(oid: str) -> Any:
        return in_flask.respond(functions["nap"].run(oid, 60))

    return app


def fastapi_app(durable: Durable, functions: dict[str, Any], options: dict[str, Any]) -> FastAPI:
    app = FastAPI()
    app.include_router(in_fastapi.router(durable, **options), prefix="/durable")
    greet = functions["greet"]

    @app.api_route("/greetings/{oid}", methods=["GET", "POST"])
    async def place(oid: str, request: Request) -> Any:
        said = await request.json() if await request.body() else {"name": "Ann"}
        return await in_fastapi.respond(lambda: greet.run(oid, **said), request)

    @app.post("/naps/{oid}")
    async def nap(oid: str, request: Request) -> Any:
        return await in_fastapi.respond(functions["nap"].run(oid, 60), request)

    return app


def configured() -> None:
    """Django's settings are one for a process; the URLs are given to each handler."""
    if not settings.configured:
        settings.configure(DEBUG=False, ALLOWED_HOSTS=["*"], ROOT_URLCONF=(), SECRET_KEY="x")
        django.setup()


def django_urls(
    durable: Durable, functions: dict[str, Any], options: dict[str, Any], *, asynchronous: bool
) -> tuple[Any, ...]:
    import json  # noqa: PLC0415

    from django.urls import include, path  # noqa: PLC0415  # reads the settings

    from durable_celery.web import django as in_django  # noqa: PLC0415

    greet = functions["greet"]

    def said(request: Any) -> dict[str, Any]:
        return json.loads(request.body) if request.body else {"name": "Ann"}

    def place(request: Any, oid: str) -> Any:
        return in_django.respond(lambda: greet.run(oid, **said(request)), request)

    async def aplace(request: Any, oid: str) -> Any:
        return await in_django.respond(lambda: greet.run(oid, **said(request)), request)

    def nap(request: Any, oid: str) -> Any:
        return in_django.respond(functions["nap"].run(oid, 60), request)

    async def anap(request: Any, oid: str) -> Any:
        return await in_django.respond(functions["nap"].run(oid, 60), request)

    return (
        path("durable/", include(in_django.urls(durable, asynchronous=asynchronous, **options))),
        path("greetings/<oid>", aplace if asynchronous else place),
        path("naps/<oid>", anap if asynchronous else nap),
    )


def django_wsgi(urls: tuple[Any, ...]) -> WSGIHandler:
    class Handler(WSGIHandler):
        def get_response(self, request: Any) -> Any:
            request.urlconf = urls
            return super().get_response(request)

    return Handler()


def django_asgi(urls: tuple[Any, ...]) -> ASGIHandler:
    class Handler(ASGIHandler):
        async def get_response_async(self, request: Any) -> Any:
            request.urlconf = urls
            return await super().get_response_async(request)

    return Handler()


@contextmanager
def on_waitress(wsgi: Any) -> Iterator[str]:
    server = create_server(wsgi, host="127.0.0.1", port=0, threads=THREADS)

    def run() -> None:
        with contextlib.suppress(OSError):  # it is closed while it looks at its sockets
            server.run()

    thread = threading.Thread(target=run)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()
    thread.join(10)


@contextmanager
def on_uvicorn(asgi: Any, **said: Any) -> Iterator[str]:
    port = free_port()
    said = {"lifespan": "off", **said}
    config = uvicorn.Config(asgi, port=port, log_level="warning", timeout_graceful_shutdown=1, **said)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    assert wait_until(lambda: server.started, 20, pause=0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@contextmanager
def served(kind: str, durable: Durable, functions: dict[str, Any], options: dict[str, Any]) -> Iterator[str]:
    """The address of a server of one kind."""
    configured()
    makers: dict[str, Callable[[], Any]] = {
        "flask": lambda: on_waitress(flask_app(durable, functions, options)),
        "fastapi": lambda: on_uvicorn(fastapi_app(durable, functions, options)),
        "django-wsgi": lambda: on_waitress(django_wsgi(django_urls(durable, functions, options, asynchronous=False))),
        "django-asgi": lambda: on_uvicorn(django_asgi(django_urls(durable, functions, options, asynchronous=True))),
    }
    with makers[kind]() as url:
        yield url


KINDS = ("flask", "fastapi", "django-wsgi", "django-asgi")
