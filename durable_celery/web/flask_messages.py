"""Flask's requests and answers, as the core knows them."""

from __future__ import annotations

from typing import Any

import flask
from werkzeug.exceptions import HTTPException

from durable_celery.errors.problem import Problem
from durable_celery.web.environ import EnvironHeaders
from durable_celery.web.message import Req, Resp
from durable_celery.web.own import problem_of_http


def request_of(path: str) -> Req:
    """The request at hand; `path` is what it asks for below its mount."""
    request: flask.Request = flask.request._get_current_object()  # type: ignore[attr-defined]
    return Req(
        method=request.method,
        path=path,
        base=(request.root_path + request.path).removesuffix(path),
        query={name: values[-1] for name, values in request.args.lists()} if request.query_string else {},
        headers=EnvironHeaders(request.environ),
        read=lambda limit: request.stream.read(limit),
        native=request,
    )


def sent(answer: Resp) -> flask.Response:
    """An answer in Flask's form."""
    body: Any = answer.body if answer.stream is None else answer.stream.chunks()
    made = flask.Response(body, answer.status, list(answer.headers.items()))
    if "Content-Type" not in answer.headers:
        del made.headers["Content-Type"]
    return made


def translate(error: Exception) -> Problem | None:
    """What an abort() in a hook becomes."""
    if not isinstance(error, HTTPException) or error.code is None:
        return None
    return problem_of_http(error.code, error.description or error.name, dict(error.get_headers()))
