"""What a request says: its body, how long it waits, when the call is to begin."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.requests import Request

from durable_celery.errors.problem import Problem
from durable_celery.handler import JSON

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_short = re.compile(r"(\d{1,15}(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_iso = re.compile(
    r"P(?:(?P<d>N)D)?(?:T(?=\d)(?:(?P<h>N)H)?(?:(?P<m>N)M)?(?:(?P<s>N)S)?)?".replace("N", r"\d{1,15}(?:\.\d+)?"),
    re.IGNORECASE | re.ASCII,
)
_preference = re.compile(r'([\w-]+)(?:\s*=\s*(?:"([^"]*)"|([^\s;,"]*)))?')
#: Ten years: a later beginning is a mistake of units.
_LONGEST_DELAY_MS = 3650 * _UNITS_MS["d"]
#: A week: nobody stays connected for longer.
_LONGEST_WAIT_S = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Preferences:
    """What `Prefer` (RFC 7240) says of an answer. `wait_s` is None for as long as it takes."""

    respond_async: bool = False
    wait_s: int | None = None
    strict: bool = False

    def applied(self, *names: str) -> dict[str, str]:
        """The header that says which of them were heeded."""
        said = {
            "respond-async": "respond-async" if self.respond_async else "",
            "wait": "" if self.wait_s is None else f"wait={self.wait_s}",
            "handling": "handling=strict" if self.strict else "",
        }
        heeded = ", ".join(said[name] for name in names if said[name])
        return {"Preference-Applied": heeded} if heeded else {}


def preferences(request: Request) -> Preferences:
    """What the request prefers; what is not understood is passed over, as the RFC asks."""
    said: dict[str, str] = {}
    for each in ",".join(request.headers.getlist("prefer")).split(","):
        found = _preference.match(each.strip())
        if found:
            said.setdefault(found[1].lower(), found[2] or found[3] or "")
    wait = said.get("wait", "")
    return Preferences(
        respond_async="respond-async" in said,
        wait_s=min(int(wait), _LONGEST_WAIT_S) if re.fullmatch(r"[0-9]{1,9}", wait) else None,
        strict=said.get("handling") == "strict",
    )


def delay_ms(request: Request) -> int:
    """`?delay=10s`, `500ms`, `1m`, `PT10S`: how long until the call begins. Raises Problem."""
    text = request.query_params.get("delay")
    if text is None:
        return 0
    parts: Iterable[tuple[str, str | None]] = ()
    if short := _short.fullmatch(text):
        parts = [(short[2], short[1])]
    elif (iso := _iso.fullmatch(text)) and any(iso.groupdict().values()):
        parts = iso.groupdict().items()
    delay = round(sum(float(number) * _UNITS_MS[unit] for unit, number in parts if number))
    if not parts or delay > _LONGEST_DELAY_MS:
        raise Problem(400, "bad-delay", "a delay is a number and one of ms, s, m, h, d, or as ISO 8601 has it: PT10S")
    return delay


def idempotency_key(request: Request) -> str | None:
    """The header's text; None without one. Raises Problem for an empty one, which would protect nobody."""
    said = request.headers.get("idempotency-key")
    if said is None:
        return None
    if not said.strip():
        raise Problem(400, "bad-id", "the idempotency key is empty")
    try:
        return said.encode("latin-1").decode()
    except UnicodeDecodeError:
        return said


async def body(request: Request, accept: str, limit: int) -> bytes:
    """The body, when it is of an accepted media type and not larger than `limit`. Raises Problem.

    What is too large is not read to its end.
    """
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > limit:
            raise _too_large(limit)
    given = request.headers.get("content-type", "")
    if read and given and not _fits(given, accept):
        raise Problem(415, "unsupported-media-type", f"the body is {given}; send {accept}", headers={"Accept": accept})
    return bytes(read)


def media_type(request: Request) -> str:
    """The media type that the request names for its body, in lower case and without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _fits(given: str, accept: str) -> bool:
    kind = given.partition(";")[0].strip().lower()
    for each in accept.split(","):
        wanted = each.partition(";")[0].strip().lower()
        if wanted in ("*/*", kind) or (wanted.endswith("/*") and kind.startswith(wanted[:-1])):
            return True
        if wanted == JSON and kind.startswith("application/") and kind.endswith("+json"):
            return True
    return False


def _too_large(limit: int) -> Problem:
    return Problem(413, "body-too-large", f"the body of a request has at most {limit} bytes")
