"""The two requests of a slow view: the one that starts it, and those for its status link."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import flask

from durable_celery import ids
from durable_celery.errors import IdConflict, NotSerializable, PayloadTooLarge
from durable_celery.errors.problem import Problem
from durable_celery.function import Function
from durable_celery.handle import Handle
from durable_celery.promise import Promise, State
from durable_celery.web import callbacks
from durable_celery.web.answers import View, conditional, of_problem, said
from durable_celery.web.core import _run, responding
from durable_celery.web.exposed import PROBLEMS, Exposed
from durable_celery.web.flask_bound import EXTENSION, Views
from durable_celery.web.flask_carrying import carried
from durable_celery.web.flask_declared import Declared
from durable_celery.web.flask_messages import request_of, sent
from durable_celery.web.flask_performing import replayed
from durable_celery.web.message import Call, Req, Resp, Wait
from durable_celery.web.site import applied, wish_of
from durable_celery.web.starting import id_of_key, key_of
from durable_celery.web.webhooks import check_callback

CALLBACK_HEADER = "durable-callback"
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Replayed(Resp):
    """What the view answered, as it was recorded."""

    recorded: Mapping[str, Any] = field(default_factory=dict)


def start(views: Views, declared: Declared, args: tuple[Any, ...], kwargs: dict[str, Any], *, bound: bool) -> Any:
    """Begin to carry out a view with the request at hand: 202, and where to ask."""
    req = request_of("/")

    def answer() -> Resp | Wait:
        handle = _begun(views, declared, req, args, kwargs, bound=bound)
        return _answer(views, handle, req, {} if handle.created else {"Idempotent-Replayed": "true"})

    return _sent(answer, views)


def status(views: Views, id: str) -> Any:
    """How it stands: 202 while it runs, then what the view answered."""
    req = request_of(f"/status/{id}")

    def answer() -> Resp | Wait:
        exposed, promise = _found(views, Call(req, {"id": id}, b"", _run))
        return _answer(views, exposed.durable.get(promise.id), req, {})

    return _sent(answer, views)


def _begun(
    views: Views, declared: Declared, req: Req, args: tuple[Any, ...], kwargs: dict[str, Any], *, bound: bool
) -> Handle[Any]:
    promise_id, keyed = _id(views, declared, req, kwargs)
    ids.check_root(promise_id)
    asked = req.header(CALLBACK_HEADER) or None
    if asked is not None:
        check_callback(asked, views.allowed(declared))
    if (asked is not None or isinstance(declared.callback, str)) and not views.secrets:
        raise RuntimeError("callbacks to addresses are signed: set DURABLE_CALLBACK_SECRETS in app.config")
    request = carried(flask.request, args, kwargs, declared.carrying, asked)
    request |= {"bound": bound, "app": views.name}
    function = views.function(declared)
    handle = _started(function, promise_id, request, keyed=keyed)
    if declared.callback is not None:
        callbacks.begin(function.durable, promise_id, function.name, kind=callbacks.OURS, owner=views.name)
    if asked is not None:
        callbacks.begin(function.durable, promise_id, function.name, kind=callbacks.THEIRS, url=asked, owner=views.name)
    return handle


def _started(function: Function[..., Any], promise_id: str, request: dict[str, Any], *, keyed: bool) -> Handle[Any]:
    """Start it, or attach to the one that the same request started: its headers may differ."""
    durable = function.durable
    try:
        return durable.start(promise_id, function.registered, (request,), {}, function.own)
    except PayloadTooLarge:
        raise
    except NotSerializable as error:
        raise TypeError(f"what {function.name!r} is called with goes to another process as JSON: {error}") from error
    except IdConflict as error:
        found = durable.store.get(promise_id)
        if found.function == function.name and durable.codec.decode(found.args)[0][0]["same"] == request["same"]:
            return durable.get(promise_id)
        if keyed:
            detail = "this idempotency key was used before with another request"
            raise Problem(422, "idempotency-key-reused", detail) from error
        raise Problem(409, "id-conflict", "this id was used before, for another request", id=promise_id) from error


def _id(views: Views, declared: Declared, req: Req, kwargs: Mapping[str, Any]) -> tuple[str, bool]:
    """The id of a request, and whether it comes from its idempotency key."""
    if callable(declared.id):
        return declared.id(flask.request), False
    if declared.id is not None:
        return declared.id.format(**{**(flask.request.view_args or {}), **kwargs}), False
    key = key_of(req.header("idempotency-key"))
    if key is None:
        return ids.new_id(), False
    principal = views.options.principal
    who = principal(req.native) if principal is not None else None
    return id_of_key(declared.name, who, key), True


def _found(views: Views, call: Call) -> tuple[Exposed, Promise]:
    """An execution of a view that the client may ask for. Raises Problem."""
    unknown = PROBLEMS.unknown(call.params["id"])
    for exposed in views.exposed():
        try:
            return exposed, exposed.found(call, "read")[0]
        except Problem as problem:
            if problem.kind != unknown.kind:
                raise
    raise unknown


def _answer(views: Views, handle: Handle[Any], req: Req, headers: dict[str, str]) -> Resp | Wait:
    """The answer about an execution: at once, or when it is over if the client wants to wait."""
    wish = wish_of(req)
    seconds = None if wish.wait_s is None else min(wish.wait_s, views.options.max_wait)
    location = flask.url_for(f"{EXTENSION}.status", id=handle.id)

    def answer(waited: bool) -> Resp:
        known = None if waited else handle.begun_as
        promise, journal = handle._store.read(handle.id) if known is None else (known, {})
        heeded = applied(wish, seconds if waited else None, later=not promise.state.settled)
        view = View(promise, journal, handle._codec, None)
        return conditional(req, _shown(view, location, {**headers, **heeded}))

    return Wait(handle, seconds, answer) if seconds else answer(False)


def _shown(view: View, location: str, headers: dict[str, str]) -> Resp:
    promise = view.promise
    if promise.state is State.RESOLVED:
        return Replayed(200, headers, recorded=view.codec.decode(promise.value))
    if promise.state.settled:
        raise _failure(view, headers)
    body = {**view.body(), "links": {"self": location}}
    return said(202, body, {**headers, "Location": location, **view.retry_after()})


def _failure(view: View, headers: dict[str, str]) -> Problem:
    """How it failed; as Flask does it, what went wrong is told while it is debugged only, else it is in the log."""
    problem = PROBLEMS.of_failure(view.promise, view.codec, headers)
    if problem.status != _SERVER_ERROR or flask.current_app.debug:
        return problem
    detail = "the view failed; the log of its worker says why"
    return Problem(problem.status, problem.kind, detail, headers=headers, id=view.promise.id)


def _sent(answer: Callable[[], Resp | Wait], views: Views) -> flask.Response:
    try:
        found = responding(answer, views.slots)
    except Problem as problem:
        found = of_problem(problem)
    if not isinstance(found, Replayed):
        return sent(found)
    made = replayed(found.recorded)
    made.headers.update(found.headers)
    return made
