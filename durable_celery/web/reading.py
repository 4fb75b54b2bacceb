"""Looking at executions: lists, the monitor, results, steps, events; and whether the server is well."""

from __future__ import annotations

import inspect
from typing import Any

from durable_celery import ids
from durable_celery.errors import PromiseNotFound
from durable_celery.errors.problem import Problem
from durable_celery.following import follow
from durable_celery.http.bodies import segment
from durable_celery.promise import State
from durable_celery.registry import signature_of
from durable_celery.web.answers import conditional, said
from durable_celery.web.events import Events, Seen
from durable_celery.web.exposed import Target
from durable_celery.web.message import Call, Req, Resp, Wait
from durable_celery.web.site import Site, applied, wish_of

_LARGEST_PAGE = 100


def functions(site: Site, call: Call) -> Resp:
    """The functions that may be started here."""
    targets = site.exposed.targets.values()
    shown = [_function(site, call.req, t) for t in targets if site.exposed.permitted(call, t.name, "", "list")]
    return conditional(call.req, said(200, {"functions": shown}))


def executions(site: Site, call: Call) -> Resp:
    """Executions, newest first, a page at a time; those that the client may not read are left out."""
    query = call.req.query
    site.exposed.permit_search(call, query.get("function", ""))
    wanted = [site.exposed.target(query["function"]).name] if query.get("function") else list(site.exposed.targets)
    if not wanted:
        return said(200, {"executions": [], "next": None})
    limit = _limit(query.get("limit"))
    state = _state(query.get("state", ""))
    try:
        found = site.durable.store.search(wanted, state, query.get("prefix", ""), query.get("after", ""), limit)
    except ValueError as error:
        raise Problem(400, "bad-query", "after is what `next` of another page said") from error
    page = [p for p in found.promises if site.exposed.permitted(call, p.function, p.id, "read")]
    shown = [site.view(call.req, promise, {}).brief() for promise in page]
    return conditional(call.req, said(200, {"executions": shown, "next": found.after or None}))


def monitor(site: Site, call: Call) -> Resp:
    """How an execution stands."""
    full = _full(call.req.query.get("view"))
    view = site.view(call.req, *site.exposed.found(call, "inspect" if full else "read"))
    redirected = site.options.on_complete == "redirect" or "text/html" in call.req.header("accept")
    if view.promise.state.settled and redirected and not full:
        return Resp(303, {"Location": view.link("/result"), "Cache-Control": "no-cache"})
    return conditional(call.req, view.monitored(full=full))


def result(site: Site, call: Call) -> Resp | Wait:
    """The bare value, waited for as long as the client prefers."""
    promise, _ = site.exposed.found(call, "read")
    wish = wish_of(call.req)
    seconds = min(wish.wait_s or 0, site.options.max_wait)

    def answer(waited: bool) -> Resp:
        view = site.look(call.req, promise.id)
        heeded = applied(wish, seconds if waited else None, later=not view.promise.state.settled)
        return conditional(call.req, view.result(applied=heeded, kept_s=site.kept_s(view.promise)))

    if promise.state.settled or not seconds:
        return answer(False)
    return Wait(site.durable.get(promise.id), seconds, answer)


def steps(site: Site, call: Call) -> Resp:
    """What it has done, in order; `position` says what is inside what."""
    view = site.view(call.req, *site.exposed.found(call, "read"))
    shown = {**_head(view.brief()), "steps": view.steps()}
    return conditional(call.req, said(view.status, shown, view.retry_after()))


def events(site: Site, call: Call) -> Resp:
    """Server-sent events; 204 to whoever has seen the last one, which stops an EventSource."""
    promise, _ = site.exposed.found(call, "read")
    seen = Seen.decode(call.req.header("last-event-id") or call.req.query.get("last_event_id", ""))
    if seen.ended and promise.state.settled:
        return Resp(204, {"Cache-Control": "no-store"})
    options, store = site.options, site.durable.store
    stream = Events(
        look=lambda: site.look(call.req, promise.id),
        watch=lambda notify: store.watch(promise.id, notify, closely=True),
        follow=lambda: follow(store, promise.id, closely=True),
        view=lambda found, journal: site.view(call.req, found, journal),
        seen=seen,
        heartbeat_s=options.heartbeat,
        ends_after_s=options.stream_for,
    )
    headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Resp(200, headers, stream=stream)


def healthy(_: Site, __: Call) -> Resp:
    """The server answers."""
    return said(200, {"status": "ok"})


def ready(site: Site, _: Call) -> Resp:
    """The store answers too. Raises StoreUnavailable."""
    try:
        site.durable.store.get(ids.id_for("readyz"))
    except PromiseNotFound:
        pass
    return said(200, {"status": "ok"})


def _head(brief: dict[str, Any]) -> dict[str, Any]:
    return {name: brief[name] for name in ("id", "function", "state", "status")}


def _function(site: Site, req: Req, target: Target) -> dict[str, Any]:
    signature = signature_of(target.registered.fn) if target.is_known else None
    kept_ms = target.options.over(target.registered.options).retention_ms
    kept_ms = site.durable.settings.retention_ms if kept_ms is None else kept_ms
    shown = {"name": target.name, "version": target.registered.version, "retention": kept_ms / 1000}
    shown["tombstone"] = site.durable.settings.tombstone_of(kept_ms) / 1000
    doc = inspect.getdoc(target.registered.fn) if target.is_known else None
    if signature is not None:
        shown["parameters"] = list(signature.parameters)[1:]
    return {
        **shown,
        "description": doc or "",
        "links": {"start": f"{req.base}/functions/{segment(target.name)}/executions"},
    }


def _full(view: str | None) -> bool:
    if view not in (None, "full"):
        raise Problem(400, "bad-query", "view is full, or is not said")
    return view is not None


def _limit(text: str | None) -> int:
    if text is None:
        return _LARGEST_PAGE
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:9]) <= _LARGEST_PAGE:
        raise Problem(400, "bad-query", f"limit is a number from 1 to {_LARGEST_PAGE}")
    return int(text[:9])


def _state(text: str) -> State | None:
    if not text:
        return None
    try:
        return State(text)
    except ValueError as error:
        raise Problem(400, "bad-query", f"state is one of {', '.join(State)}") from error
