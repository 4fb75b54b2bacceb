"""One mounted API: what is exposed, how it answers, and the parts of a request that several endpoints read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from durable_celery.durable import Durable
from durable_celery.errors.problem import Problem
from durable_celery.http.preferences import Preferences, preferences
from durable_celery.promise import Promise
from durable_celery.registry import Options as StartOptions
from durable_celery.web.answers import View
from durable_celery.web.exposed import Exposed, Target
from durable_celery.web.links import Links
from durable_celery.web.message import Call, Req
from durable_celery.web.options import Options


@dataclass(frozen=True, slots=True)
class Site:
    """What every endpoint is given."""

    durable: Durable
    exposed: Exposed
    options: Options
    links: Links | None

    def view(self, req: Req, promise: Promise, journal: Mapping[str, str]) -> View:
        """One execution for the client of this request."""
        return View(promise, journal, self.durable.codec, req.base, self.durable.store)

    def look(self, req: Req, promise_id: str) -> View:
        """One execution as it stands now."""
        return self.view(req, *self.durable.store.read(promise_id))

    def how(self, target: Target) -> StartOptions:
        """How a function is started here."""
        most = self.options.max_pending
        limit = most.get(target.name) if isinstance(most, Mapping) else most
        return target.options.over(StartOptions(max_pending=limit))

    def kept_s(self, promise: Promise) -> int:
        """For how many seconds a result is kept, and so may be cached."""
        target = self.exposed.targets.get(promise.function)
        own = None if target is None else target.options.over(target.registered.options).retention_ms
        return (self.durable.settings.retention_ms if own is None else own) // 1000


def wish_of(req: Req) -> Preferences:
    """What the client prefers."""
    return preferences([req.header("prefer")])


def applied(wish: Preferences, waited_s: float | None, *, later: bool) -> dict[str, str]:
    """The header that says what was heeded: how long was waited at most, and that the answer comes before the end."""
    heeded = ["respond-async"] if wish.respond_async and later else []
    if waited_s is not None:
        heeded.append(f"wait={waited_s:g}")
    return {"Preference-Applied": ", ".join(heeded)} if heeded else {}


def json_of(data: bytes) -> Any:
    """The JSON of a body; None for an empty one. Raises Problem."""
    if _is_empty(data):
        return None
    try:
        # As bytes it would also be read as UTF-16 or UTF-32, which JSON between systems never is.
        return json.loads(data.decode(), parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise Problem(400, "bad-json", f"the body is not JSON: {_where(error)}") from error


def object_of(call: Call, *members: str) -> dict[str, Any]:
    """The body as a JSON object with none but these members; empty without a body. Raises Problem."""
    return {} if _is_empty(call.data) else members_of(json_of(call.data), "$", *members)


def arguments_of(said: Mapping[str, Any], at: str = "$") -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The positional and the named arguments of a call, which stand at this path of the body. Raises Problem."""
    args, kwargs = said.get("args", []), said.get("kwargs", {})
    if not isinstance(args, list):
        raise invalid_member(f"{at}.args", "args is an array")
    if not isinstance(kwargs, dict):
        raise invalid_member(f"{at}.kwargs", "kwargs is an object")
    return tuple(args), kwargs


def members_of(found: Any, at: str, *members: str) -> dict[str, Any]:
    """A JSON object with none but these members. Raises Problem."""
    if not isinstance(found, dict):
        raise invalid_member(at, "the body is a JSON object" if at == "$" else f"{at[2:]} is an object")
    for name in found:
        if name not in members:
            whose = "the body" if at == "$" else at[2:]
            raise invalid_member(at, f"the members of {whose} are {', '.join(members)}, not others")
    return found


def invalid_member(path: str, reason: str) -> Problem:
    """A part of the body that is not what it has to be."""
    return Problem(422, "invalid-arguments", reason, path=path, errors=[{"path": path, "reason": reason}])


def _is_empty(data: bytes) -> bool:
    """Whether nothing is in it but what JSON calls white space (RFC 8259, section 2)."""
    return not data.strip(b" \t\r\n")


def _finite(number: str) -> float:
    value = float(number)
    return value if math.isfinite(value) else _refuse("a number that large")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON value")


def _where(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} (line {error.lineno}, column {error.colno})"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
