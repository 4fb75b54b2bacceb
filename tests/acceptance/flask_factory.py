"""A Flask application made by a factory, its Celery, and durable functions that need its context."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from typing import Any

import flask
from celery import Celery

from durable_celery import Context, Durable
from durable_celery.web.flask import DurableFlask, current_durable


class Mail:
    """An extension as they are: set up for an application, used by whoever is in its context."""

    def init_app(self, app: flask.Flask) -> None:
        app.extensions["mail"] = self

    def sender(self) -> str:
        flask.g.sent = [*flask.g.get("sent", []), 1]
        return f"{flask.current_app.config['SENDER']} {len(flask.g.sent)}"


mail, durable = Mail(), Durable()
extension = DurableFlask(durable, app_context=True)


def send(*_: Any) -> list[Any]:
    """Who sent it and how often in this context, in which thread, and whether a step sees what its body has."""
    return [mail.sender(), threading.current_thread().name.partition("-")[0], "body" in flask.g]


async def asend() -> list[Any]:
    return send()


@durable.register
def plain(ctx: Context) -> list[Any]:
    flask.g.body = mail.sender()
    in_thread = ctx.begin_run(send)
    found = [ctx.run(send).get(), ctx.run(asend).get(), in_thread.get(), flask.g.body]
    ctx.promise().get()  # the rest is another attempt, in a context of its own
    return [*found, mail.sender()]


@durable.register
def generator(ctx: Context) -> Generator[Any, Any, list[Any]]:
    flask.g.body = mail.sender()
    found = [(yield ctx.run(send)), (yield ctx.run(asend)), flask.g.body]
    yield ctx.promise()
    return [*found, mail.sender()]


@durable.register
async def coroutine(ctx: Context) -> list[Any]:
    flask.g.body = mail.sender()
    found = [await ctx.run(send), await ctx.run(asend), flask.g.body]
    await ctx.promise()
    return [*found, mail.sender()]


def create_app() -> flask.Flask:
    app = flask.Flask("post", static_folder=None)
    app.config.update(SENDER="ann", DURABLE_EXPOSE=["plain", "generator", "coroutine"], DURABLE_MAX_WAIT=3)
    celery = Celery(app.name, broker=os.environ["BROKER"], backend=os.environ["BROKER"])
    durable.init_app(celery)
    mail.init_app(app)
    extension.init_app(app)

    @app.get("/status/<id>")
    def status(id: str) -> str:
        return current_durable.get(id).status

    return app
