"""Slow views of every kind, declared before there is an application."""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass, field
from typing import Any

import flask
from flask.views import MethodView
from flask_restful import Api, Resource
from werkzeug.exceptions import Conflict

from durable_celery import Context, Durable, RetryPolicy
from durable_celery.web.flask import bind, durable_api
from tests.web.shop import gates

PNG = b"\x89PNG\r\n\x1a\n\x00\xff"


class OutOfTea(Exception):
    """An error that the application answers itself."""


class CardDeclined(Exception):
    http_status = 402


@dataclass
class Seen:
    """What callbacks and views were called with."""

    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    tries: int = 0
    undone: list[str] = field(default_factory=list)


seen = Seen()


def told(id: str, outcome: dict[str, Any]) -> None:
    seen.told.append((id, outcome))


def durable_told(ctx: Context, id: str, outcome: dict[str, Any]) -> None:
    ctx.run(told, id, outcome).get()


def held(gate: str) -> str:
    gates[gate].wait(30)
    return gate


def steps(ctx: Context, gate: str) -> dict[str, str]:
    """Durable steps, one of them held until its gate opens."""
    return {"gate": ctx.run(held, gate).get(), "upper": ctx.run(str.upper, flask.request.args["word"]).get()}


def echo(oid: int) -> dict[str, Any]:
    request = flask.request
    return {
        "oid": oid,
        "method": request.method,
        "args": request.args.to_dict(flat=False),
        "form": request.form.to_dict(flat=False),
        "files": {name: len(file.read()) for name, file in request.files.items()},
        "json": request.get_json(silent=True),
        "headers": {
            name: request.headers[name] for name in ("X-Trace", "Authorization", "Cookie") if name in request.headers
        },
        "url": flask.url_for("echo", oid=oid, _external=True),
        "remote": request.remote_addr,
        "endpoint": request.endpoint,
        "g": sorted(flask.g),
    }


def refuse(code: int) -> Any:
    flask.abort(code, "not here")


def custom() -> Any:
    raise Conflict(response=flask.Response("taken", 409, {"X-Reason": "seat"}))


def no_tea() -> Any:
    raise OutOfTea


def breaks(what: str) -> Any:
    seen.tries += 1
    raise {"value": ValueError("the password is sesame"), "card": CardDeclined("no money"), "key": KeyError("x")}[what]


def picture() -> Any:
    return flask.send_file(io.BytesIO(PNG), mimetype="image/png")


def odd() -> Any:
    made = flask.make_response(("gone on", 303, {"Location": "/elsewhere"}))
    made.set_cookie("a", "1")
    made.set_cookie("b", "2")
    return made


def booked(ctx: Context) -> Any:
    saga = ctx.saga()
    saga.run(str.upper, "seat").compensate(undone, "seat").get()
    flask.abort(409)


def undone(what: str) -> None:
    seen.undone.append(what)


def slow(ctx: Context) -> Any:
    return ctx.promise().get()


def authenticated(view: Any) -> Any:
    """A decorator as applications have them: it looks at credentials, and gives its view an argument more."""

    @functools.wraps(view)
    def looking(**kwargs: Any) -> Any:
        if "Authorization" not in flask.request.headers:
            flask.abort(401)
        return view(flask.request.headers["Authorization"].partition(" ")[0], **kwargs)

    return looking


@authenticated
@durable_api
def whose(kind: str, oid: int) -> Any:
    return [kind, oid, "Authorization" in flask.request.headers]


async def later(word: str) -> str:
    return word[::-1]


class Counter(MethodView):
    def __init__(self, start: int) -> None:
        self.start = start

    @durable_api
    def post(self, ctx: Context, by: int) -> Any:
        return {"count": ctx.run(int.__add__, self.start, by).get()}, 201


class Thing(Resource):  # type: ignore[misc]
    @durable_api
    def get(self, path: str) -> Any:
        if path == "missing":
            flask.abort(404)
        return {"path": path}, 203, {"X-Thing": "yes"}


def application(durable: Durable, **said: Any) -> flask.Flask:
    """As a factory makes it."""
    app = flask.Flask("slow")
    app.config["DURABLE_CALLBACK_SECRETS"] = ["whsec_c2VzYW1l"]

    def route(rule: str, view: Any, *methods: str, **options: Any) -> None:
        decorated = durable_api(**options)(view) if options else durable_api(view)
        app.add_url_rule(rule, view.__name__, decorated, methods=methods or ("GET",))

    bind(app, durable, **said)
    route("/steps/<gate>", steps, callback=told)
    route("/echo/<int:oid>", echo, "GET", "POST", max_body=5000)
    route("/refuse/<int:code>", refuse)
    route("/breaks/<what>", breaks, retry=RetryPolicy(max_attempts=2, initial=0.01, retry_on=(KeyError,)))
    route("/later/<word>", later, id="later-{word}", retention=0.2)
    for view in (booked, custom, no_tea, picture, odd):
        route(f"/{view.__name__}", view)
    route("/slow", slow, timeout=0.1, callback=durable.register(durable_told))
    app.add_url_rule("/whose/<int:oid>", view_func=whose)
    app.add_url_rule("/counter/<int:by>", view_func=Counter.as_view("counter", 5))
    Api(app).add_resource(Thing, "/things/<path:path>")
    app.register_error_handler(404, lambda error: ({"nothing": error.description}, 404))
    app.register_error_handler(OutOfTea, lambda error: ("no tea today", 418))
    return app
