"""Settling external promises: by whoever is let, or by whoever has a signed link."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from durable_celery import ids
from durable_celery.errors import AlreadySettled, NotExternal, NotSerializable, PromiseNotFound, Rejected
from durable_celery.errors.problem import Problem
from durable_celery.promise import Promise, State
from durable_celery.web.answers import said
from durable_celery.web.exposed import PROBLEMS
from durable_celery.web.message import Call, Resp
from durable_celery.web.site import Site, invalid_member, json_of


def resolve(site: Site, call: Call) -> Resp:
    """Resolve it with the JSON of the body."""
    told = _permitted(site, call, "resolve")
    value = json_of(call.data)
    try:
        text = site.durable.codec.encode(value, "the value of a promise")
    except NotSerializable as error:
        raise PROBLEMS.of_argument(error) from error

    seal = site.durable.codec.seal

    def same(promise: Promise) -> bool:  # of one value no two encrypted texts are the same
        return promise.state is State.RESOLVED and seal.open(promise.value) == seal.open(text)

    return _settled(site, told, lambda: site.durable.promises.resolve(told, value), same)


def reject(site: Site, call: Call) -> Resp:
    """Reject it, with the reason in the body: a JSON text, or {"reason": "…"}."""
    told = _permitted(site, call, "reject")
    asked: Any = json_of(call.data)
    reason = asked.get("reason") if isinstance(asked, dict) else asked
    if reason is not None and not isinstance(reason, str):
        raise invalid_member("$.reason", "a reason is a text")
    reason = reason or "rejected"
    wanted = site.durable.codec.decode(site.durable.codec.failure(Rejected(reason)).value)

    def same(promise: Promise) -> bool:
        if promise.state is not State.REJECTED:
            return False
        found = site.durable.codec.decode(promise.value)
        return isinstance(found, dict) and all(found.get(name) == wanted[name] for name in ("type", "message"))

    return _settled(site, told, lambda: site.durable.promises.reject(told, reason), same)


def signed(call: Call) -> str:
    """The token of a signed link, from the address or the Authorization header."""
    scheme, _, token = call.req.header("authorization").partition(" ")
    return call.req.query.get("token", "") or (token.strip() if scheme.lower() == "durable" else "")


def _permitted(site: Site, call: Call, action: str) -> str:
    """The id, when this client may settle it. Raises Problem, InvalidId, PromiseNotFound."""
    told = ids.check_any(call.params["id"])
    token = signed(call)
    if site.links is not None and token:
        site.links.check(token, told, action)
        return told
    if not site.options.promises:
        raise _unknown(told)
    try:
        promise = site.durable.store.get(told)
        function = site.durable.store.get(promise.parent).function if promise.parent else ""
    except PromiseNotFound:
        site.exposed.permit(call, "", told, action)
        raise _unknown(told) from None
    if promise.is_execution or promise.canvas or (promise.parent and function not in site.exposed.targets):
        site.exposed.permit(call, "", told, action)
        raise _unknown(told)
    site.exposed.permit(call, function, told, action)
    return told


def _settled(site: Site, told: str, settle: Callable[[], Promise], same: Callable[[Promise], bool]) -> Resp:
    try:
        promise = settle()
    except (NotExternal, PromiseNotFound) as error:
        raise _unknown(told) from error
    except AlreadySettled as error:
        promise = site.durable.promises.get(told)
        if not same(promise):
            raise _otherwise(promise) from error
    if promise.state is State.TIMEDOUT:
        raise _otherwise(promise)
    return said(200, {"id": told, "state": promise.state})


def _unknown(told: str) -> Problem:
    return Problem(404, "unknown-promise", f"no promise is known here by the id {told!r}", id=told)


def _otherwise(promise: Promise) -> Problem:
    if promise.state is State.TIMEDOUT:
        return Problem(410, "timed-out", "nobody settled the promise in time", id=promise.id)
    if promise.state is State.CANCELED:
        return Problem(409, "already-terminal", "the promise was cancelled", id=promise.id, state=promise.state)
    detail = f"the promise is {promise.state} already, and that never changes"
    return Problem(409, "already-terminal", detail, id=promise.id, state=promise.state)
