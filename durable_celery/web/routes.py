"""The routes: which endpoint answers which method and path below the mount."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from durable_celery.errors.problem import Problem
from durable_celery.web import acting, reading, script, settling, starting
from durable_celery.web.message import Call, Resp, Wait
from durable_celery.web.site import Site

Endpoint = Callable[[Site, Call], Resp | Wait]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: its method and path, with names in braces for single segments, and whether it reads a body."""

    method: str
    path: str
    endpoint: Endpoint
    takes_body: bool = False

    @property
    def name(self) -> str:
        """What it is called in documents."""
        return self.endpoint.__name__

    @property
    def summary(self) -> str:
        """What it is for, in a line."""
        return (self.endpoint.__doc__ or "").partition("\n")[0]

    def match(self, path: str) -> dict[str, str] | None:
        """The named segments of a path; None when it is another's."""
        wanted, given = self.path.split("/"), path.split("/")
        if len(wanted) != len(given):
            return None
        params: dict[str, str] = {}
        for want, part in zip(wanted, given, strict=True):
            if want.startswith("{") and part:
                params[want.strip("{}")] = part
            elif want != part:
                return None
        return params


ROUTES = (
    Route("GET", "/functions", reading.functions),
    Route("POST", "/functions/{fn}/executions", starting.post, takes_body=True),
    Route("PUT", "/functions/{fn}/executions/{id}", starting.put, takes_body=True),
    Route("GET", "/executions", reading.executions),
    Route("GET", "/executions/{id}", reading.monitor),
    Route("GET", "/executions/{id}/result", reading.result),
    Route("GET", "/executions/{id}/steps", reading.steps),
    Route("GET", "/executions/{id}/events", reading.events),
    Route("POST", "/executions/{id}/cancel", acting.cancel),
    Route("POST", "/executions/{id}/resume", acting.resume),
    Route("POST", "/executions/{id}/fork", acting.fork, takes_body=True),
    Route("POST", "/promises/{id}/resolve", settling.resolve, takes_body=True),
    Route("POST", "/promises/{id}/reject", settling.reject, takes_body=True),
    Route("GET", "/healthz", reading.healthy),
    Route("GET", "/readyz", reading.ready),
    Route("GET", "/durable.js", script.script),
)
#: What the paths begin with; all below these belongs to the API.
ROOTS = ("functions", "executions", "promises", "healthz", "readyz", "durable.js")
#: Adapters hand requests of any method in: what is not served is answered by the core.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | str:
    """The route of a request and the named segments; what the path allows, when it does not take the method.

    Raises Problem for a path that is nobody's.
    """
    matching = [(route, params) for route in ROUTES if (params := route.match(path)) is not None]
    if not matching:
        raise Problem(404, "unknown-path", "there is nothing at this address")
    wanted = "GET" if method == "HEAD" else method
    for route, params in matching:
        if route.method == wanted:
            return route, params
    return allowed(*(route.method for route, _ in matching))


@cache
def allowed(*methods: str) -> str:
    """The Allow header of a path."""
    return ", ".join(sorted({*methods, "OPTIONS", *(["HEAD"] if "GET" in methods else [])}))
