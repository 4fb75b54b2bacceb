"""Promises that somebody outside settles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from durable_celery.newpromise import NewPromise
from durable_celery.op import Performer
from durable_celery.operations.call import HandlerCall
from durable_celery.operations.rpc import RemoteCall


class ExternalPromise(RemoteCall[Any]):
    """ctx.promise: created as soon as it is made, so that its `id` can be handed out before anybody waits."""

    kind = "promise"


class Awakeable(HandlerCall):
    """ctx.awakeable: the same, under an id that nobody can guess."""

    kind = "awakeable"

    def __init__(self, performer: Performer, path: str, child: NewPromise, convert: Callable[[Any], Any]) -> None:
        super().__init__(performer, path, child, convert, "external")


class NamedPromise(HandlerCall):
    """A workflow's promise of a name: made by whoever comes first."""

    kind = "promise"
