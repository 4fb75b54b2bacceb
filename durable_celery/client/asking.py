"""What is sent: one HTTP request for everything that a client asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from durable_celery.calling.request import Request
from durable_celery.errors import InvalidId
from durable_celery.handler import JSON, Kind
from durable_celery.serde import JsonSerde

_BYTES = "application/octet-stream"
_JSON = JsonSerde()


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. One that is `safe` may be sent again when it is not known what became of it."""

    method: str
    path: str
    #: What the answer is about, for messages and errors.
    about: str
    safe: bool
    content: bytes = b""
    headers: dict[str, bytes] = field(default_factory=dict)
    #: Whether the answer comes when something is over.
    waits: bool = False
    #: Seconds until the answer must have begun.
    within_s: float = 30


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered."""

    status: int
    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer: the reason, and whether the request may have reached a server."""

    reason: str
    sent: bool


def segment(text: str) -> str:
    """A text as one segment of a path, also where it looks like another path."""
    return quote(text, safe=":@+=~").replace(".", "%2E") if text in {".", ".."} else quote(text, safe=":@+=~")


def call_of(request: Request) -> Asked:
    """The call that is answered with its value."""
    return _posted(request, "", waits=True)


def send_of(request: Request) -> Asked:
    """The call that is answered when it is recorded."""
    return _posted(request, f"/send?delay={request.delay_ms}ms" if request.delay_ms else "/send", waits=False)


def about_invocation(method: str, invocation_id: str, verb: str, *, waits: bool = False) -> Asked:
    """A question about an invocation. Cancelling one twice does no harm."""
    return Asked(method, f"/restate/invocation/{segment(invocation_id)}/{verb}", invocation_id, safe=True, waits=waits)


def resolve_of(awakeable_id: str, value: Any) -> Asked:
    """Settling an awakeable; the same settlement twice does no harm."""
    path = f"/restate/awakeables/{segment(awakeable_id)}/resolve"
    if isinstance(value, bytes):
        return Asked("POST", path, awakeable_id, safe=True, content=value, headers=_typed(_BYTES))
    return Asked("POST", path, awakeable_id, safe=True, content=_JSON.serialize(value), headers=_typed(JSON))


def reject_of(awakeable_id: str, reason: str) -> Asked:
    """Settling an awakeable with an error."""
    path = f"/restate/awakeables/{segment(awakeable_id)}/reject"
    return Asked("POST", path, awakeable_id, safe=True, content=reason.encode(), headers=_typed("text/plain"))


def _posted(request: Request, suffix: str, *, waits: bool) -> Asked:
    middle = f"/{segment(request.key)}" if request.kind is not Kind.SERVICE else ""
    headers: dict[str, bytes] = {}
    content = request.body()
    if request.idempotency_key is not None:
        headers["idempotency-key"] = _header(request.idempotency_key)
    if content:
        headers |= _typed(_media_type(request))
    once = request.handler is not None and request.handler.is_run
    return Asked(
        "POST",
        f"/{segment(request.service)}{middle}/{segment(request.name)}{suffix}",
        request.function,
        safe=once or request.idempotency_key is not None,
        content=content,
        headers=headers,
        waits=waits,
    )


def _header(key: str) -> bytes:
    if not key or key != key.strip() or not key.isprintable():
        raise InvalidId(
            f"the idempotency key {key!r} cannot be sent in a header: use printable text without outer spaces"
        )
    return key.encode()


def _media_type(request: Request) -> str:
    if request.handler is None:
        # Of a service known by name it is not known what it accepts; without a type any bytes are taken.
        return "" if isinstance(request.arg, bytes) else JSON
    first = request.handler.accept.partition(",")[0].strip()
    return _BYTES if "*" in first else first


def _typed(media_type: str) -> dict[str, bytes]:
    return {"content-type": media_type.encode()} if media_type else {}
