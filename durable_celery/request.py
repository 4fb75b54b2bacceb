"""Request: how an execution was called."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from durable_celery.calls import Info
from durable_celery.handler import Handler
from durable_celery.op import Performer
from durable_celery.serde import unpack


@dataclass(frozen=True, slots=True)
class Request:
    """The id of the invocation, which attempt this is, the tags it was given, and the argument as bytes."""

    id: str
    attempt: int
    headers: Mapping[str, str]
    body: bytes


def request_of(performer: Performer, info: Info) -> Request:
    """What `ctx.request()` answers; the tags of an execution are its headers."""
    args, _ = performer.codec.decode(info.args)
    registered = performer.registry.get(info.function, info.version)
    handler = registered.handler
    body = b""
    if args and isinstance(handler, Handler) and handler.input is not None:
        body = handler.input.serialize(unpack(handler.input, args[0]))
    elif args:
        body = json.dumps(args[0]).encode()
    return Request(info.id, info.attempt, info.tags, body)
