"""What the store can count cheaply, in the text format that Prometheus reads (version 0.0.4)."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from durable_celery.looking import Census
from durable_celery.web.message import Call, Resp
from durable_celery.web.site import Site

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: Stands for functions that are not exposed; no function can have that name.
_OTHERS = "(others)"
_GAUGES = {
    "ready": ("executions_ready", "Executions that are due for a worker, and outcomes that Celery is not told yet."),
    "leased": ("executions_leased", "Executions that a worker has."),
    "parked": ("executions_parked", "Executions that were set aside until somebody resumes them."),
    "timers": ("timers", "Timers that executions wait for."),
    "tended": ("tasks_awaited", "Celery tasks that executions wait for."),
    "roots": ("executions_listed", "Executions that nobody's body started and that are kept, settled ones included."),
}


def metrics(site: Site, call: Call) -> Resp:
    """Gauges for Prometheus."""
    site.exposed.permit(call, "", "", "metrics")
    text = "\n".join([*exposition(site.durable.store.census(), site.exposed.targets), ""])
    return Resp(200, {"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store"}, text.encode())


def exposition(census: Census, exposed: Collection[str]) -> Iterator[str]:
    """The lines. Functions that are not exposed are counted, and not named."""
    name, pending = "durable_executions_pending", dict.fromkeys(exposed, 0)
    for function, number in census.pending.items():
        known = function if function in exposed else _OTHERS
        pending[known] = pending.get(known, 0) + number
    yield from _head(name, "Executions that are not over, by function; children included.")
    yield from (f'{name}{{function="{_escaped(function)}"}} {number}' for function, number in pending.items())
    for each, (suffix, help_text) in _GAUGES.items():
        yield from _head(f"durable_{suffix}", help_text)
        yield f"durable_{suffix} {getattr(census, each)}"


def _head(name: str, help_text: str) -> list[str]:
    return [f"# HELP {name} {help_text}", f"# TYPE {name} gauge"]


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
