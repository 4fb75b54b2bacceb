"""Renderings over HTTP: start one, watch it, fetch its file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request, send_from_directory, url_for
from werkzeug.exceptions import NotFound

from webapp import monitor, validation
from webapp.problems import Problem
from workers import settings

if TYPE_CHECKING:
    from durable_celery import Handle, Promise, Step

FUNCTION = "render"

blueprint = Blueprint("renders", __name__)


@blueprint.post("/render/<execution_id>")
def start(execution_id: str) -> Response:
    """Start rendering the lines of {"text_list": [...]}, or attach to what has this id."""
    lines = validation.text_list(request)
    handle = monitor.durable().run(execution_id, FUNCTION, lines)
    return monitor.accepted(handle, _document(handle, handle.promise()), _status_url(execution_id))


@blueprint.get("/render/<execution_id>/status")
def status(execution_id: str) -> Response:
    """Say how far a rendering is, and what came of it."""
    handle, record = monitor.find(execution_id, FUNCTION)
    return monitor.monitored(_document(handle, record))


@blueprint.get("/render/<execution_id>/file")
def file(execution_id: str) -> Response:
    """Send the sound, whole or in ranges."""
    handle, record = monitor.find(execution_id, FUNCTION)
    if record.status != "succeeded":
        detail = f"there is no file: the rendering is {record.status.replace('_', ' ')}"
        raise Problem(404, "no-file", detail, links={"status": _status_url(execution_id)})
    name = handle.result(timeout=0)["file"]
    try:
        return send_from_directory(
            settings.render_dir().absolute(), name, mimetype="audio/wav", download_name=f"{execution_id}.wav"
        )
    except NotFound:
        raise Problem(404, "no-file", "the file was made, but it is not in this server's RENDER_DIR") from None


def _document(handle: Handle[Any], record: Promise) -> dict[str, Any]:
    steps = handle.steps()
    links = {"self": _status_url(record.id), "file": None, "events": monitor.events_url(record.id)}
    if record.status == "succeeded":
        links["file"] = url_for("renders.file", execution_id=record.id)
    document = monitor.describe(handle, record, steps, _progress(record, steps), links)
    if record.status == "succeeded":
        document["result"] = {**handle.result(timeout=0), "file": links["file"]}
    return document


def _progress(record: Promise, steps: list[Step]) -> dict[str, Any]:
    """Count a step for each line and one to join them."""
    lines = _line_count(record)
    done = sum(step.state == "resolved" for step in steps)
    if record.state.settled or lines is None:
        note = ""
    elif done < lines:
        note = f"line {done + 1} of {lines}"
    else:
        note = "joining the lines"
    return {"done": done, "total": None if lines is None else lines + 1, "note": note}


def _line_count(record: Promise) -> int | None:
    """Look how many lines it was started with; programs may have started it with anything."""
    args, kwargs = json.loads(record.args)
    lines = args[0] if args else kwargs.get("text_list")
    return len(lines) if isinstance(lines, list) else None


def _status_url(execution_id: str) -> str:
    return url_for("renders.status", execution_id=execution_id)
