"""How an execution is shown, and what is answered about one: bodies, headers, statuses."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any

from durable_celery.clock import SystemClock
from durable_celery.codec import Codec
from durable_celery.errors.problem import Problem
from durable_celery.http.bodies import segment
from durable_celery.http.problems import MEDIA_TYPE, document, raised_of
from durable_celery.journal import DELIVERED, GATE, Entry
from durable_celery.lines import logged
from durable_celery.looking import Looking
from durable_celery.promise import Outcome, Phase, Promise, State
from durable_celery.steps import Step, steps_of
from durable_celery.web.exposed import PROBLEMS
from durable_celery.web.message import Req, Resp
from durable_celery.web.waiting import waiting_on, wakes_at

JSON = "application/json"
#: Seconds until one may ask again: of what is at work, of what waits for others, of what nobody works on.
_SOON, _LATER, _LATEST = 1, 5, 60
_RESTS = ("result", "steps", "events", "cancel")


def dumps(value: Any) -> bytes:
    """A value as JSON; times as ISO 8601, numbers that are none as null, what else JSON has no form for as text."""
    try:
        return _encoder.encode(value).encode()
    except ValueError:
        return _encoder.encode(_finite(value)).encode()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date | time) else str(value)


_encoder = json.JSONEncoder(default=_plain, separators=(",", ":"), allow_nan=False)


def said(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Resp:
    """A JSON answer with a validator, which clients have to check before they use it again."""
    body = dumps(value)
    return Resp(
        status, {"Cache-Control": "no-cache", "ETag": etag(body), **(headers or {}), "Content-Type": JSON}, body
    )


def etag(body: bytes) -> str:
    """A strong validator: the same for the same bytes."""
    return f'"{hashlib.sha256(body).hexdigest()[:24]}"'


def of_problem(problem: Problem) -> Resp:
    """The answer with the document of a problem."""
    return Resp(
        problem.status, {"Cache-Control": "no-store", **problem.headers, "Content-Type": MEDIA_TYPE}, document(problem)
    )


def conditional(req: Req, resp: Resp) -> Resp:
    """304 instead, when the client has these bytes already."""
    asked, mine = req.header("if-none-match"), resp.headers.get("ETag")
    if req.method not in ("GET", "HEAD") or not asked or mine is None or resp.status not in (200, 202):
        return resp
    known = {each.strip().removeprefix("W/") for each in asked.split(",")}
    if mine not in known and "*" not in known:
        return resp
    return replace(resp, status=304, body=b"", headers={k: v for k, v in resp.headers.items() if k != "Content-Type"})


def step(each: Step) -> dict[str, Any]:
    """A step as it is shown."""
    shown = {name: getattr(each, name) for name in ("id", "position", "name", "kind", "state", "started_at")}
    return {**shown, "ended_at": each.ended_at, "tries": each.tries, **({"error": each.error} if each.error else {})}


@dataclass(frozen=True, slots=True)
class View:
    """One execution as it stands, for a client whose links begin with `base`."""

    promise: Promise
    journal: Mapping[str, str]
    codec: Codec
    base: str | None
    #: Where the lines are that it logged: they are looked up when somebody wants them.
    store: Looking | None = None

    def log(self) -> list[tuple[int, dict[str, Any]]]:
        """The last lines that it logged, each with its number."""
        if self.store is None or not self.promise.logged:
            return []
        return list(logged(self.store.log(self.promise.id), self.codec.seal))

    def link(self, rest: str = "") -> str:
        """Where something of it is."""
        return f"{self.base}/executions/{segment(self.promise.id)}{rest}"

    @property
    def location(self) -> dict[str, str]:
        """Where it is; nothing where no API is mounted that would answer."""
        return {} if self.base is None else {"Location": self.link()}

    @property
    def status(self) -> int:
        """200 once it is over, however it ended; 202 before."""
        return 200 if self.promise.state.settled else 202

    def steps(self) -> list[dict[str, Any]]:
        """What it has done, in order."""
        return [step(each) for each in steps_of(self.promise, self.journal, self.codec)]

    def brief(self) -> dict[str, Any]:
        """What a list shows."""
        p = self.promise
        shown: dict[str, Any] = {name: getattr(p, name) for name in ("id", "function", "state", "status", "version")}
        shown |= {"attempt": p.attempt, "progress": self.codec.decode(p.progress)}
        shown |= {"created_at": p.created_at, "updated_at": self._updated_at()}
        if p.phase is Phase.PARKED:
            shown["reason"] = p.reason
        if self.base is not None:
            own = self.link()
            shown["links"] = {"self": own, **{name: f"{own}/{name}" for name in _RESTS}}
        return shown

    def body(self, *, full: bool = False) -> dict[str, Any]:
        """What a monitor shows; with `full` also what it was called with, and its steps."""
        shown, waits = self.brief(), waiting_on(self.promise, self.journal)
        wake_at = wakes_at(self.promise, waits)
        if wake_at is not None:
            shown["wake_at"] = wake_at
        if waits:
            shown["waiting_on"] = waits
        if self.promise.state is State.RESOLVED:
            shown["result"] = self.codec.decode(self.promise.value)
        elif self.promise.state.settled:
            shown["error"] = raised_of(self.promise, self.codec)
        if full:
            args, kwargs = self.codec.decode(self.promise.args) or ([], {})
            shown |= {"args": args, "kwargs": kwargs, "digest": self.promise.digest, "steps": self.steps()}
            shown["log"] = [line for _, line in self.log()]
            shown |= {"tags": self.codec.decode(self.promise.tags), "deadline_at": self.promise.deadline_at}
        return shown

    def retry_after(self) -> dict[str, str]:
        """When it is worth to ask again; nothing when it is over."""
        p = self.promise
        if p.state.settled:
            return {}
        wake_at = wakes_at(p, waiting_on(p, self.journal))
        seconds = _LATEST if p.phase is Phase.PARKED else _LATER if p.phase is Phase.SUSPENDED else _SOON
        if wake_at is not None:
            seconds = min(max(math.ceil((wake_at - SystemClock().now_ms()) / 1000), _SOON), _LATEST)
        return {"Retry-After": str(seconds)}

    def started(self, *, created: bool, applied: Mapping[str, str]) -> Resp:
        """The answer to whoever started it, or would have. Raises Problem for one that did not succeed."""
        p = self.promise
        headers = {**applied, **({} if created else {"Idempotent-Replayed": "true"})}
        if p.state is State.RESOLVED:
            where = {} if self.base is None else {"Content-Location": self.link()}
            return said(200, self.body(), {**headers, **where})
        if p.state.settled:
            raise PROBLEMS.of_failure(p, self.codec, {**headers, **self.location})
        return said(202, self.body(), {**headers, **self.location, **self.retry_after()})

    def monitored(self, *, full: bool = False) -> Resp:
        """How it stands."""
        return said(self.status, self.body(full=full), self.retry_after())

    def result(self, *, applied: Mapping[str, str], kept_s: int) -> Resp:
        """The bare value, which never changes for as long as it is kept. Raises Problem as it failed."""
        p = self.promise
        if not p.state.settled:
            return said(202, self.body(), {**applied, **self.location, **self.retry_after()})
        if p.state is not State.RESOLVED:
            raise PROBLEMS.of_failure(p, self.codec, applied)
        value = self.codec.unwrap(Outcome(p.state, p.value), p.id)
        return said(200, value, {**applied, "Cache-Control": f"private, max-age={kept_s}, immutable"})

    def _updated_at(self) -> int:
        p = self.promise
        entries = (Entry.decode(t) for path, t in self.journal.items() if path[0] != GATE and path[-1] != DELIVERED)
        # The end of a failed try is when the next one is due.
        times = [e.started_at if e.kind == "try" else max(e.started_at, e.ended_at or 0) for e in entries]
        if p.settled_at is not None:
            return p.settled_at
        return max([p.created_at, p.started_at or 0, *times])
