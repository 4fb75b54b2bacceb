"""Routes of one's own: from a handle, or the call that gives one, to an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from durable_celery.errors.problem import Problem
from durable_celery.handle import Handle
from durable_celery.web.message import Call, Req, Resp, Wait
from durable_celery.web.starting import answered

_KINDS = {401: "unauthorized", 403: "forbidden", 404: "unknown-execution", 429: "too-many-requests"}
_THEIRS = ("content-type", "content-length")


@dataclass(frozen=True, slots=True)
class Own:
    """What `respond` was given."""

    found: Handle[Any] | Callable[[], Handle[Any]]
    req: Req
    base: str | None
    max_wait: float
    wait: float | None

    def answer(self) -> Resp | Wait:
        """Make the call if it is one, and answer about what it started."""
        handle = self.found if isinstance(self.found, Handle) else self.found()
        if not isinstance(handle, Handle):
            raise TypeError(f"respond() takes a Handle or a call that gives one, not {type(handle).__name__}")
        return answered(self.max_wait, Call(self.req, {}, b"", _never), handle, self.base, self.wait)


def problem_of_http(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Problem:
    """What a framework's own way to refuse becomes."""
    kept = {name: value for name, value in (headers or {}).items() if name.lower() not in _THEIRS}
    return Problem(status, _KINDS.get(status, "about:blank"), detail, headers=kept)


def _never(_: Any) -> Any:
    raise AssertionError("nothing is waited for here")
