"""Flask: a blueprint with the whole API, and answers about executions from routes of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Unpack

import flask
from werkzeug.exceptions import HTTPException

from durable_celery.durable import Durable
from durable_celery.errors.problem import Problem
from durable_celery.function import Function
from durable_celery.handle import Handle
from durable_celery.web.core import Core, Slots, responding
from durable_celery.web.message import Req, Resp
from durable_celery.web.options import ApiOptions, Options, of_threads
from durable_celery.web.own import Own, problem_of_http
from durable_celery.web.routes import METHODS, ROOTS

__all__ = ["blueprint", "respond"]

NAME = "durable"
_defaults = Options()
_slots = Slots(_defaults.max_waiters)


def blueprint(
    durable: Durable,
    *,
    expose: Iterable[Function[..., Any] | str],
    name: str = NAME,
    **options: Unpack[ApiOptions],
) -> flask.Blueprint:
    """The API of the functions in `expose`, and of no others; register it with a `url_prefix`. See `ApiOptions`."""
    core = Core(durable, expose, of_threads(options), _translate)
    made = flask.Blueprint(name, __name__)

    def view(root: str, rest: str | None = None) -> flask.Response:
        return _sent(core.handle(_request(f"/{root}" if rest is None else f"/{root}/{rest}")))

    for root in ROOTS:
        at = root.replace(".", "-")
        rules = {at: f"/{root}", f"{at}-below": f"/{root}/<path:rest>", f"{at}-nowhere": f"/{root}/"}
        for endpoint, rule in rules.items():
            given = {"root": root, **({"rest": ""} if rule.endswith("/") else {})}
            made.add_url_rule(rule, endpoint, view, defaults=given, methods=METHODS, provide_automatic_options=False)
    return made


def respond(
    found: Handle[Any] | Callable[[], Handle[Any]], *, wait: float | None = None, location: str | None = None
) -> flask.Response:
    """The answer about an execution: 200 with its result when it is over, else 202 and where to ask.

    Waits for as many seconds as the client prefers, at most 10; `wait` for clients
    that do not say. Give the call instead of the handle (`lambda: fn.run(…)`) to
    have its refusals answered too: 409 for an id that is taken, 422 for arguments
    that do not fit. `location` is the path of the API, when it is not a blueprint
    called `durable` of this application.
    """
    req = _request("/")
    own = Own(found, req, location or _mounted(), _defaults.max_wait, wait)
    return _sent(responding(own.answer, _slots))


def _mounted() -> str | None:
    if NAME not in flask.current_app.blueprints:
        return None
    return flask.url_for(f"{NAME}.executions").removesuffix("/executions")


def _request(path: str) -> Req:
    request = flask.request
    return Req(
        method=request.method,
        path=path,
        base=(request.root_path + request.path).removesuffix(path),
        query={name: values[-1] for name, values in request.args.lists()},
        headers={name.lower(): value for name, value in request.headers.items()},
        read=request.stream.read,
        native=request._get_current_object(),  # type: ignore[attr-defined]
    )


def _sent(answer: Resp) -> flask.Response:
    body: Any = answer.body if answer.stream is None else answer.stream.chunks()
    made = flask.Response(body, answer.status)
    del made.headers["Content-Type"]
    made.headers.update(answer.headers)
    return made


def _translate(error: Exception) -> Problem | None:
    if not isinstance(error, HTTPException) or error.code is None:
        return None
    return problem_of_http(error.code, error.description or error.name, dict(error.get_headers()))
