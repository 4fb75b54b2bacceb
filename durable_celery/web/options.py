"""What may be said where the API is mounted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from durable_celery.errors.problem import Problem

#: Asked before everything: function, id, action and the framework's request. Only True lets it pass.
Authorize = Callable[[str, str, str, Any], Any]
#: What is let without a hook: to start what is exposed, and to follow what one knows the id of.
OPEN = ("list", "start", "read")
#: The framework's own ways to refuse, as problems; None for other errors.
Translate = Callable[[Exception], Problem | None]

#: The largest body of a request, in bytes.
MAX_BODY = 1024 * 1024


class ApiOptions(TypedDict, total=False):
    """Options of `blueprint`, `router` and `urls`; durations are seconds.

    `authorize(function, id, action, request)` is asked before anything is done;
    actions are list, start, read, inspect, cancel, resume, fork, resolve, reject, metrics.
    Without it the exposed functions may be started and executions read by their id;
    everything else, and the list of executions, is refused to everybody.
    `principal(request)` names who sent it: idempotency keys of different principals
    are different. `allow_anonymous` lets POST start without a key. `promises` lets
    external promises be settled by whoever `authorize` lets; those with a link
    signed by `secret` (see `links.Links`) may in any case. `on_complete="redirect"`
    has the monitor of a settled execution answer 303. `max_wait` bounds `Prefer: wait`,
    `max_waiters` how many may wait or listen at once; a stream of events ends after
    `stream_for`, to be resumed by its client, and is kept alive every `heartbeat`.
    While `max_pending` executions of a function are pending, another start of it is
    answered 429; a mapping says it by function.
    """

    authorize: Authorize | None
    principal: Callable[[Any], str | None] | None
    allow_anonymous: bool
    promises: bool
    secret: str | bytes | list[str] | list[bytes] | None
    on_complete: Literal["redirect"] | None
    max_body: int
    max_wait: float
    max_waiters: int | None
    stream_for: float | None
    heartbeat: float
    max_pending: int | Mapping[str, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The same with what holds where nothing is said: for servers whose threads are few."""

    authorize: Authorize | None = None
    principal: Callable[[Any], str | None] | None = None
    allow_anonymous: bool = False
    promises: bool = False
    secret: str | bytes | list[str] | list[bytes] | None = None
    on_complete: Literal["redirect"] | None = None
    max_body: int = MAX_BODY
    max_wait: float = 10.0
    max_waiters: int | None = 2
    stream_for: float | None = 25.0
    heartbeat: float = 15.0
    max_pending: int | Mapping[str, int] | None = None


def of_threads(said: ApiOptions) -> Options:
    """Under WSGI: each who waits or listens holds a thread."""
    return Options(**said)


def of_loops(said: ApiOptions) -> Options:
    """Under ASGI: nobody holds one."""
    chosen: ApiOptions = {"max_wait": 60.0, "max_waiters": None, "stream_for": None}
    chosen.update(said)
    return Options(**chosen)
