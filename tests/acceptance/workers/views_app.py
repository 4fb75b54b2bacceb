"""Slow views of a Flask application: made by a factory in the server and, for `celery -A`, in the workers."""

from __future__ import annotations

import json
import os
from typing import Any

import flask

from durable_celery import Context, Durable, RetryPolicy
from durable_celery.web.flask import bind, durable_api
from tests.acceptance.workers.proj import effect, hold, project

SECRET = "whsec_c2VzYW1lLXNlc2FtZQ=="
QUICKLY = RetryPolicy(max_attempts=20, initial=0.05, factor=1)


def create_app(durable: Durable, receiver: str) -> flask.Flask:
    app = flask.Flask("slow")
    app.config["DURABLE_CALLBACK_SECRETS"] = [SECRET]
    bind(app, durable, callbacks_allowed=[f"{receiver}/in"] if receiver else [])

    @app.post("/render/<gate>")
    @durable_api(id="{gate}", callback_retry=QUICKLY)
    def render(ctx: Context, gate: str) -> Any:
        """Three steps, the second of which lasts until the test opens the gate."""
        runs = [ctx.run(effect).get(), ctx.run(hold, gate).get(), ctx.run(effect).get()]
        return flask.Response(b"\x00\xff" + flask.request.get_data(), 201, {"X-Runs": " ".join(runs)})

    @app.post("/refuse")
    @durable_api(callback_retry=QUICKLY)
    def refuse() -> Any:
        raise ZeroDivisionError("no such luck")

    return app


if "CONF" in os.environ:
    made = project(os.environ["BROKER"], os.environ["STORE"], **json.loads(os.environ["CONF"]))
    web = create_app(made.durable, os.environ["RECEIVER"])
    app = made.app
