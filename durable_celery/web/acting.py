"""Cancelling, resuming and forking."""

from __future__ import annotations

from typing import Any

from durable_celery import ids
from durable_celery.errors import (
    DurableError,
    IdConflict,
    InvalidArguments,
    InvalidId,
    NotSerializable,
    PayloadTooLarge,
    PromiseNotFound,
    StoreFull,
    StoreUnavailable,
)
from durable_celery.errors.problem import Problem
from durable_celery.promise import Phase, Promise, State
from durable_celery.web.answers import said
from durable_celery.web.exposed import PROBLEMS
from durable_celery.web.message import Call, Resp
from durable_celery.web.site import Site, arguments_of, invalid_member, members_of, object_of


def cancel(site: Site, call: Call) -> Resp:
    """Cancel it and everything below it: 202 for the wish, 200 when it is cancelled already."""
    promise, journal = site.exposed.found(call, "cancel")
    if promise.state is State.CANCELED:
        return said(200, site.view(call.req, promise, journal).body())
    if promise.state.settled:
        raise _over(promise)
    site.durable.cancel(promise.id)
    view = site.look(call.req, promise.id)
    if view.promise.state.settled and view.promise.state is not State.CANCELED:
        raise _over(view.promise)
    return said(202, view.body(), {**view.location, **view.retry_after()})


def resume(site: Site, call: Call) -> Resp:
    """Let a parked one go on; try again one that failed, which is a fork under an id of its own."""
    promise, _ = site.exposed.found(call, "resume")
    if promise.state is State.RESOLVED:
        raise _over(promise)
    if not promise.state.settled and promise.phase is not Phase.PARKED:
        raise _still(promise)
    return _accepted(site, call, site.durable.resume(promise.id).id)


def fork(site: Site, call: Call) -> Resp:
    """Execute it again from a step, under another id; what was recorded before that step is kept."""
    promise, _ = site.exposed.found(call, "fork")
    asked = object_of(call, "from_step", "id", "input")
    from_step, new_id = asked.get("from_step"), asked.get("id")
    if from_step is not None and (isinstance(from_step, bool) or not isinstance(from_step, int | str)):
        raise invalid_member("$.from_step", "from_step is the position of a step, or its id")
    if new_id is not None:
        site.exposed.permit(call, promise.function, ids.check_root(new_id), "start")
    args, kwargs = _input(asked)
    if not promise.state.settled and promise.phase is not Phase.PARKED:
        raise _still(promise)
    try:
        return _accepted(site, call, site.durable.fork(promise.id, from_step, new_id, args=args, kwargs=kwargs).id)
    except IdConflict as error:
        raise Problem(409, "id-conflict", "this id was used before, for something else", id=new_id) from error
    except (InvalidId, PromiseNotFound, StoreUnavailable, StoreFull):
        raise
    except (InvalidArguments, NotSerializable, PayloadTooLarge) as error:
        raise PROBLEMS.of_argument(error) from error
    except DurableError as error:
        raise invalid_member("$.from_step", str(error)) from error


def _input(asked: dict[str, Any]) -> tuple[tuple[Any, ...] | None, dict[str, Any] | None]:
    """The arguments that take the place of those it was called with; none when nothing is said of them."""
    if asked.get("input") is None:
        return None, None
    return arguments_of(members_of(asked["input"], "$.input", "args", "kwargs"), "$.input")


def _accepted(site: Site, call: Call, promise_id: str) -> Resp:
    view = site.look(call.req, promise_id)
    return said(202, view.body(), {**view.location, **view.retry_after()})


def _over(promise: Promise) -> Problem:
    detail = f"the execution is over: {promise.status}"
    return Problem(409, "already-terminal", detail, id=promise.id, state=promise.state)


def _still(promise: Promise) -> Problem:
    detail = f"the execution is {promise.status}, and goes on by itself"
    return Problem(409, "still-running", detail, id=promise.id, state=promise.state)
