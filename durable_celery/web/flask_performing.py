"""What a worker does with a view: the request made anew, the view called, its answer recorded."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import flask
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from durable_celery.body import drive
from durable_celery.context import Context
from durable_celery.errors import Cancelled
from durable_celery.registry import signature_of, wants_context
from durable_celery.web.flask_carrying import environ_of, packed, unpacked

_SERVER_ERROR = 500
#: What the server that sends an answer writes itself.
_OF_SERVERS = ("content-length", "date", "server", "connection", "transfer-encoding")


def perform(app: flask.Flask, ctx: Context, view: Callable[..., Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Call a view with the request that was carried here; its answer, to be recorded.

    HTTPException is the answer that it stands for, by the application's own error
    handlers where there are. What else it raises is raised, unless a handler makes less than 500 of it.
    """
    with app.request_context(environ_of(said)):
        try:
            return recorded(_answer(app, _called(app, ctx, view, said)))
        except Cancelled:  # no handler is to make an answer of it
            raise
        except Exception as error:
            found: Any = app.make_response(app.handle_user_exception(error))  # raises it when nobody handles it
            if found.status_code >= _SERVER_ERROR and not isinstance(error, HTTPException):
                raise error from None
            ctx.fail(error)  # to the body it is one: what its sagas did is undone
            return recorded(found)


def recorded(response: flask.Response) -> dict[str, Any]:
    """An answer as JSON."""
    response.direct_passthrough = False  # files too
    data = response.get_data()
    response.close()
    headers = [[name, value] for name, value in response.headers if name.lower() not in _OF_SERVERS]
    return {"status": response.status_code, "headers": headers, "body": packed(data)}


def replayed(said: Mapping[str, Any]) -> flask.Response:
    """The same answer again."""
    made = flask.Response(unpacked(said["body"]), said["status"])
    del made.headers["Content-Type"]
    for name, value in said["headers"]:
        made.headers.add(name, value)
    return made


def told(said: Mapping[str, Any]) -> dict[str, Any]:
    """The same for a callback: `result` is the body, read when it is JSON, and `response` what came with it."""
    response = replayed(said)
    result = response.get_json(silent=True) if response.is_json else said["body"].get("text", said["body"])
    return {"result": result, "response": {"status": said["status"], "content_type": response.content_type}}


def _called(app: flask.Flask, ctx: Context, view: Callable[..., Any], said: Mapping[str, Any]) -> Any:
    bound = said["bound"]
    args, kwargs = list(said["args"]), dict(said["kwargs"])
    durable = wants_context(_shape(view, bound=bound), tuple(args), kwargs)
    if durable:
        args.insert(0, ctx)
    if bound:
        args.insert(0, _instance())
    return drive(view(*args, **kwargs)) if durable else app.ensure_sync(view)(*args, **kwargs)


@functools.lru_cache(maxsize=1024)
def _shape(view: Callable[..., Any], *, bound: bool) -> Callable[..., Any]:
    """What a caller of the view sees of its signature: without `self`."""
    signature = signature_of(view)
    if signature is None or not bound:
        return view

    def shape() -> None: ...

    shape.__signature__ = inspect.Signature(list(signature.parameters.values())[1:])  # type: ignore[attr-defined]
    return shape


def _instance() -> Any:
    """The object of a class-based view, made as its view function makes it for each request."""
    view = _view()
    view_class = getattr(view, "view_class", None)
    if view_class is None:
        raise LookupError(f"the route of {flask.request.path!r} leads to no class here, as it did where it was asked")
    for kept in map(_kept, _unwrapped(view)):
        if isinstance(kept.get("self"), view_class):
            return kept["self"]
        if "class_args" in kept:
            return view_class(*kept["class_args"], **kept["class_kwargs"])
    return view_class()


def _answer(app: flask.Flask, value: Any) -> flask.Response:
    """What the view returned as a response: as flask-restful's Api makes one, where the view belongs to one."""
    api = _api()
    if api is None or isinstance(value, Response):
        return app.make_response(value)
    data, *rest = value if isinstance(value, tuple) else (value,)
    status, headers = (*rest, None, None)[:2]
    made: flask.Response = api.make_response(data, status or 200, headers=headers or {})
    return made


def _api() -> Any:
    """The object that makes responses for the classes added to it: the closure of their views has it."""
    for function in _unwrapped(_view()):
        for found in _kept(function).values():
            if hasattr(found, "representations") and hasattr(found, "make_response"):
                return found
    return None


def _view() -> Any:
    rule = flask.request.url_rule
    return None if rule is None else flask.current_app.view_functions.get(rule.endpoint)


def _unwrapped(function: Any) -> list[Any]:
    found = []
    while function is not None and function not in found:
        found.append(function)
        function = getattr(function, "__wrapped__", None)
    return found


def _kept(function: Any) -> dict[str, Any]:
    """What a function has of where it was made."""
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    found = {}
    for name, cell in zip(names, getattr(function, "__closure__", None) or (), strict=False):
        with contextlib.suppress(ValueError):  # an empty one
            found[name] = cell.cell_contents
    return found
