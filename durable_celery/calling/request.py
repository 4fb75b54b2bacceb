"""Request: one call of a handler, as every client carries it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from durable_celery import clock
from durable_celery.errors import InvalidValue
from durable_celery.handler import JSON, Handler, Kind, handler_of
from durable_celery.serde import JsonSerde

_JSON = JsonSerde()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Whom to call with what. Without a `handler` it is known by its names only, and nothing is checked here."""

    kind: Kind
    service: str
    name: str
    key: str = ""
    arg: Any = None
    handler: Handler | None = None
    idempotency_key: str | None = None
    delay_ms: int = 0

    def __post_init__(self) -> None:
        if self.kind is not Kind.SERVICE and (not isinstance(self.key, str) or not self.key):
            raise TypeError(f"{self.function} is called with a key: a text that is not empty")
        if self.kind is Kind.SERVICE and self.key:
            raise TypeError(f"{self.function} is a handler of a service; it is called without a key")

    @property
    def function(self) -> str:
        """What to call it in messages."""
        return f"{self.service}.{self.name}"

    def body(self) -> bytes:
        """The argument as the bytes of a request; raises TypeError or NotSerializable for one that does not fit."""
        if self.handler is None:
            return self.arg if isinstance(self.arg, bytes) else _JSON.serialize(self.arg)
        packed = self.handler.packed(self.arg)
        if not packed or self.handler.input is None:
            return b""
        return self.handler.input.serialize(self.arg)


def request_of(
    target: Any,
    arg: Any,
    key: str = "",
    *,
    idempotency_key: str | None = None,
    delay: float | timedelta | None = None,
) -> Request:
    """The call of a decorated handler."""
    handler = handler_of(target)
    return Request(
        kind=handler.kind,
        service=handler.service,
        name=handler.name,
        key=key,
        arg=arg,
        handler=handler,
        idempotency_key=idempotency_key,
        delay_ms=0 if delay is None else clock.to_ms(delay),
    )


def value_of(handler: Handler | None, body: bytes, content_type: str = JSON) -> Any:
    """What the bytes of an answer stand for; bytes that are no JSON are handed out as they are."""
    if handler is not None:
        return handler.output.deserialize(body)
    if content_type.partition(";")[0].strip() not in {"", JSON}:
        return body
    try:
        return json.loads(body) if body else None
    except ValueError as error:
        raise InvalidValue("$", f"the answer is not JSON: {error}") from error
