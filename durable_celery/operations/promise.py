"""ctx.promise: a promise that somebody outside settles."""

from __future__ import annotations

from typing import Any

from durable_celery.operations.rpc import RemoteCall


class ExternalPromise(RemoteCall[Any]):
    """Created as soon as it is made, so that its `id` can be handed out before anybody waits."""

    kind = "promise"
