"""What a store is told of a promise that is to be made."""

from __future__ import annotations

from dataclasses import dataclass

from durable_celery.hint import Hint
from durable_celery.promise import Access

#: Retention of a settled promise and its tree, in milliseconds: seven days.
DEFAULT_RETENTION_MS = 7 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPromise:
    """What `create` and `spawn` are told. Without a function it is an external promise.

    With a canvas and no function it is a task child: what Celery is to be sent.
    `key` is the specification's idempotency key, `timer` turns a passed deadline
    into success, `mirror` keeps the settled record due until `mirrored` is called.
    `object` is the virtual object or workflow that a call is made to, `access` what it
    may do there, and `held` names the objects that its callers hold meanwhile, one a line.
    After its retention the id of a root is burnt for `tombstone_ms`: nothing else may be made under it.
    With `max_pending` it is not made while so many executions of its function are pending.
    A `hint` is what would be published for it: a store in the same Redis sends it together
    with the record, if it is ready at once.
    """

    id: str
    function: str = ""
    version: int = 1
    args: str = ""
    digest: str = ""
    queue: str = ""
    priority: str = ""
    canvas: str = ""
    parent: str = ""
    tree: str = ""
    tags: str = ""
    key: str = ""
    timeout_ms: int | None = None
    delay_ms: int = 0
    retention_ms: int = DEFAULT_RETENTION_MS
    tombstone_ms: int = 0
    max_pending: int | None = None
    timer: bool = False
    mirror: bool = False
    object: str = ""
    access: Access = Access.SHARED
    held: str = ""
    hint: Hint | None = None
