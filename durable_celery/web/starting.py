"""Starting executions: PUT under an id that the client chose, POST with an idempotency key."""

from __future__ import annotations

import hashlib
from typing import Any

from durable_celery import ids
from durable_celery.errors import IdConflict, InvalidArguments, NotSerializable
from durable_celery.errors.problem import Problem
from durable_celery.handle import Handle
from durable_celery.http.bodies import segment
from durable_celery.web.answers import View, conditional
from durable_celery.web.exposed import PROBLEMS, Target
from durable_celery.web.message import Call, Resp, Wait
from durable_celery.web.site import Site, applied, arguments_of, object_of, wish_of

_LONGEST_KEY = 512


def put(site: Site, call: Call) -> Resp | Wait:
    """Start it under this id, or attach to the execution that has it."""
    target = site.exposed.target(call.params["fn"])
    promise_id = ids.check_root(call.params["id"])
    site.exposed.permit(call, target.name, promise_id, "start")
    try:
        return _started(site, call, _start(site, call, target, promise_id))
    except IdConflict as error:
        raise _taken(site, call, promise_id) from error


def post(site: Site, call: Call) -> Resp | Wait:
    """Start it once for each idempotency key."""
    target = site.exposed.target(call.params["fn"])
    key = key_of(call.req.header("idempotency-key"))
    if key is None and not site.options.allow_anonymous:
        site.exposed.permit(call, target.name, "", "start")
        detail = "send an Idempotency-Key, or PUT it under an id: a request that is sent twice is then executed once"
        raise Problem(400, "idempotency-key-required", detail)
    promise_id = ids.new_id() if key is None else id_of_key(target.name, _who(site, call), key)
    site.exposed.permit(call, target.name, promise_id, "start")
    try:
        return _started(site, call, _start(site, call, target, promise_id))
    except IdConflict as error:
        detail = "this idempotency key was used before with other arguments"
        raise Problem(422, "idempotency-key-reused", detail) from error


def answered(
    site_max_wait: float, call: Call, handle: Handle[Any], base: str | None, wait: float | None = None
) -> Resp | Wait:
    """The answer about an execution that was started: at once, or when it is over if the client wants to wait.

    `wait` is how long (seconds) to wait for clients that do not say.
    """
    wish = wish_of(call.req)
    wanted = wish.wait_s if wish.wait_s is not None else None if wish.respond_async else wait
    seconds = None if wanted is None else min(wanted, site_max_wait)

    def answer(waited: bool) -> Resp:
        known = None if waited else handle.begun_as  # what was recorded just now need not be read
        promise, journal = handle._store.read(handle.id) if known is None else (known, {})
        said_wait = seconds if waited and wish.wait_s is not None else None
        heeded = applied(wish, said_wait, later=not promise.state.settled)
        view = View(promise, journal, handle._codec, base)
        return conditional(call.req, view.started(created=handle.created, applied=heeded))

    return Wait(handle, seconds, answer) if seconds else answer(False)


def _started(site: Site, call: Call, handle: Handle[Any]) -> Resp | Wait:
    return answered(site.options.max_wait, call, handle, call.req.base)


def _start(site: Site, call: Call, target: Target, promise_id: str) -> Handle[Any]:
    args, kwargs = _arguments(call)
    try:
        return site.durable.start(promise_id, target.registered, args, kwargs, site.how(target))
    except (InvalidArguments, NotSerializable) as error:
        raise PROBLEMS.of_argument(error) from error


def _arguments(call: Call) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return arguments_of(object_of(call, "args", "kwargs"))


def _taken(site: Site, call: Call, promise_id: str) -> Problem:
    """Whose it is and what it was called with is not said; what was sent now is, as a digest."""
    target = site.exposed.target(call.params["fn"])
    digest = site.durable.codec.call(target.name, *_arguments(call))[1]
    detail = "this id was used before with another function or other arguments"
    links = {"self": f"{call.req.base}/executions/{segment(promise_id)}"}
    return Problem(409, "id-conflict", detail, id=promise_id, digest=digest, links=links)


def key_of(said: str) -> str | None:
    """The header's text, without the quotes that a structured field has. Raises Problem."""
    if not said:
        return None
    key = said.strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not key.strip('" \t') or len(key) > _LONGEST_KEY:
        raise Problem(400, "bad-id", f"an idempotency key has 1 to {_LONGEST_KEY} characters")
    return key


def id_of_key(function: str, who: str | None, key: str) -> str:
    """The id that a key stands for: another one for every function and every principal, and not to be guessed."""
    parts = (function, "" if who is None else f"as {who}", key)
    whole = "".join(f"{len(part)}:{part}" for part in parts)
    return f"key-{hashlib.sha256(whole.encode('utf-8', 'surrogatepass')).hexdigest()[:40]}"


def _who(site: Site, call: Call) -> str | None:
    principal = site.options.principal
    return principal(call.req.native) if principal is not None else None
