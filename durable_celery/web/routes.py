"""The routes: which endpoint answers which method and path below the mount."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

from durable_celery.errors.problem import Problem
from durable_celery.web import acting, metrics, reading, script, settling, starting
from durable_celery.web.answers import conditional, said
from durable_celery.web.message import Call, Resp, Wait
from durable_celery.web.openapi import document
from durable_celery.web.site import Site

Endpoint = Callable[[Site, Call], Resp | Wait]


@dataclass(frozen=True)
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

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """Those of its path."""
        return tuple(self.path.split("/"))

    def match(self, given: list[str]) -> dict[str, str] | None:
        """The named ones of the segments of a path; None when they are another's."""
        params: dict[str, str] = {}
        for want, part in zip(self.segments, given, strict=True):
            if want[:1] == "{" and part:
                params[want[1:-1]] = part
            elif want != part:
                return None
        return params


def openapi(site: Site, call: Call) -> Resp:
    """What is served here, as OpenAPI 3.1: the functions that the client may start."""
    targets = site.exposed.targets.values()
    shown = [each for each in targets if site.exposed.permitted(call, each.name, "", "list")]
    return conditional(call.req, said(200, document(ROUTES, site.options, shown, call.req.base)))


ROUTES = (
    Route("GET", "/openapi.json", openapi),
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
    Route("GET", "/metrics", metrics.metrics),
    Route("GET", "/durable.js", script.script),
)
#: What the paths begin with; all below these belongs to the API.
ROOTS = ("functions", "executions", "promises", "healthz", "readyz", "metrics", "openapi.json", "durable.js")
#: Adapters hand requests of any method in: what is not served is answered by the core.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY")


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | str:
    """The route of a request and the named segments; what the path allows, when it does not take the method.

    Raises Problem for a path that is nobody's.
    """
    given = path.split("/")
    matching = [(route, params) for route in _by_length(len(given)) if (params := route.match(given)) is not None]
    if not matching:
        raise Problem(404, "unknown-path", "there is nothing at this address")
    wanted = "GET" if method == "HEAD" else method
    for route, params in matching:
        if route.method == wanted:
            return route, params
    return allowed(*(route.method for route, _ in matching))


@lru_cache(maxsize=32)
def _by_length(count: int) -> tuple[Route, ...]:
    return tuple(route for route in ROUTES if len(route.segments) == count)


@cache
def allowed(*methods: str) -> str:
    """The Allow header of a path."""
    return ", ".join(sorted({*methods, "OPTIONS", *(["HEAD"] if "GET" in methods else [])}))
