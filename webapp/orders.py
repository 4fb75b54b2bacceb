"""Orders over HTTP: place one, watch it, approve or refuse it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request, url_for

from durable_celery import AlreadySettled
from webapp import monitor, validation
from webapp.problems import Problem

if TYPE_CHECKING:
    from durable_celery import Handle, Promise, Step

FUNCTION = "process_order"

blueprint = Blueprint("orders", __name__)


@blueprint.post("/orders/<order_id>")
def place(order_id: str) -> Response:
    """Start processing the order in the body, or attach to what has this id."""
    order = validation.order(request)
    handle = monitor.durable().run(order_id, FUNCTION, order)
    return monitor.accepted(handle, _document(handle, handle.promise()), _url(order_id))


@blueprint.get("/orders/<order_id>")
def status(order_id: str) -> Response:
    """Say how far an order is, and what came of it."""
    handle, record = monitor.find(order_id, FUNCTION)
    return monitor.monitored(_document(handle, record))


@blueprint.post("/orders/<order_id>/approval")
def decide(order_id: str) -> Response:
    """Settle what the order waits for: {"approved": true or false, "by": "a name"}."""
    decision = validation.decision(request)
    handle, _ = monitor.find(order_id, FUNCTION)
    approval = _approval(handle.steps())
    if approval is None:
        detail = "the order does not wait for an approval"
        raise Problem(409, "not-waiting", detail, headers={"Retry-After": str(monitor.RETRY_AFTER)})
    try:
        monitor.durable().promises.resolve(approval.id, decision)
    except AlreadySettled:
        if not _decided(approval.id, decision):
            raise Problem(409, "already-decided", "the order was decided otherwise before") from None
    return jsonify({"id": order_id, "promise": approval.id, "decision": decision, "links": {"order": _url(order_id)}})


def _decided(approval_id: str, decision: dict[str, Any]) -> bool:
    """Whether the approval was settled with this very decision."""
    approval = monitor.durable().get(approval_id)
    return approval.state == "resolved" and approval.result(timeout=0) == decision


def _document(handle: Handle[Any], record: Promise) -> dict[str, Any]:
    steps = handle.steps()
    approval = _approval(steps)
    waiting = approval is not None and approval.state == "pending" and not record.state.settled
    done = sum(step.state == "resolved" for step in steps)
    progress = {"done": done, "total": None, "note": "waiting for approval" if waiting else ""}
    decide_url = url_for("orders.decide", order_id=record.id) if waiting else None
    links = {"self": _url(record.id), "approval": decide_url, "events": monitor.events_url(record.id)}
    document = monitor.describe(handle, record, steps, progress, links)
    if record.status == "succeeded":
        document["result"] = handle.result(timeout=0)
    return document


def _approval(steps: list[Step]) -> Step | None:
    return next((step for step in steps if step.kind == "promise"), None)


def _url(order_id: str) -> str:
    return url_for("orders.status", order_id=order_id)
