"""Bodies of requests: how large, of which media type, for which address."""

from __future__ import annotations

from urllib.parse import quote

from durable_celery.errors.problem import Problem
from durable_celery.handler import JSON

#: Legal in a segment as they are; ids are made of these.
_PLAIN = ":@+=~!$&'()*,;"


def segment(text: str) -> str:
    """A text as one segment of a path."""
    return quote(text, safe=_PLAIN)


def check_declared(content_length: str, limit: int) -> None:
    """Refuse a body that says itself that it is larger than `limit` bytes. Raises Problem."""
    if content_length.isdecimal() and int(content_length) > limit:
        raise too_large(limit)


def check_media_type(given: str, accept: str) -> None:
    """Refuse a body that says it is of none of the media types in `accept`. Raises Problem."""
    if given and not _fits(given, accept):
        raise Problem(415, "unsupported-media-type", f"the body is {given}; send {accept}", headers={"Accept": accept})


def check_coding(given: str) -> None:
    """Refuse a body that is compressed: nobody here unpacks what may be larger than it looks. Raises Problem."""
    if given.strip().lower() not in ("", "identity"):
        detail = f"the body is encoded as {given}; send it as it is"
        raise Problem(415, "unsupported-media-type", detail, headers={"Accept-Encoding": "identity"})


def media_type(content_type: str) -> str:
    """The media type of a header in lower case and without parameters."""
    return content_type.partition(";")[0].strip().lower()


def too_large(limit: int) -> Problem:
    """A body that is larger than `limit` bytes."""
    return Problem(413, "body-too-large", f"the body of a request has at most {limit} bytes")


def _fits(given: str, accept: str) -> bool:
    kind = media_type(given)
    for each in accept.split(","):
        wanted = each.partition(";")[0].strip().lower()
        if wanted in ("*/*", kind) or (wanted.endswith("/*") and kind.startswith(wanted[:-1])):
            return True
        if wanted == JSON and kind.startswith("application/") and kind.endswith("+json"):
            return True
    return False
