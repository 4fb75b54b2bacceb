"""What a request says: its body, how long it waits, when the call is to begin."""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.requests import Request

from durable_celery.errors.problem import Problem
from durable_celery.http import bodies
from durable_celery.http.bodies import check_declared, check_media_type, too_large
from durable_celery.http.preferences import Preferences
from durable_celery.http.preferences import preferences as prefer

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_short = re.compile(r"(\d{1,15}(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_iso = re.compile(
    r"P(?:(?P<d>N)D)?(?:T(?=\d)(?:(?P<h>N)H)?(?:(?P<m>N)M)?(?:(?P<s>N)S)?)?".replace("N", r"\d{1,15}(?:\.\d+)?"),
    re.IGNORECASE | re.ASCII,
)
#: Ten years: a later beginning is a mistake of units.
_LONGEST_DELAY_MS = 3650 * _UNITS_MS["d"]


def preferences(request: Request) -> Preferences:
    """What the request prefers."""
    return prefer(request.headers.getlist("prefer"))


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
    check_declared(request.headers.get("content-length", ""), limit)
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > limit:
            raise too_large(limit)
    if read:
        check_media_type(request.headers.get("content-type", ""), accept)
    return bytes(read)


def media_type(request: Request) -> str:
    """The media type that the request names for its body, in lower case and without parameters."""
    return bodies.media_type(request.headers.get("content-type", ""))
