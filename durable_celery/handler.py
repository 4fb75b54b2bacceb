"""Handler: one function of a service, a virtual object or a workflow, and how its values travel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from durable_celery import ids
from durable_celery.body import drive
from durable_celery.errors import DurableError
from durable_celery.op import Op
from durable_celery.promise import Access
from durable_celery.registry import Options
from durable_celery.serde import Serde, pack, unpack

JSON = "application/json"
_MARK = "__durable_handler__"


class Kind(StrEnum):
    """What a handler belongs to."""

    SERVICE = "service"
    OBJECT = "object"
    WORKFLOW = "workflow"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Handler:
    """A handler is a durable function named `<service>.<handler>` of no argument or one."""

    service: str
    name: str
    kind: Kind
    access: Access
    fn: Callable[..., Any]
    #: None for a handler that takes no argument; it may be left out when not `required`.
    input: Serde[Any] | None
    required: bool
    output: Serde[Any]
    #: What its bodies are given as ctx.
    context: Callable[..., Any]
    accept: str = JSON
    content_type: str = JSON
    #: Whether it can be called by other handlers only, not from outside.
    private: bool = False
    description: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    options: Options = field(default_factory=Options)

    @property
    def function(self) -> str:
        """The name of the durable function, and of its Celery task."""
        return f"{self.service}.{self.name}"

    @property
    def keyed(self) -> bool:
        """Whether it is called with a key."""
        return self.kind is not Kind.SERVICE

    @property
    def is_run(self) -> bool:
        """Whether it is the run of a workflow, which happens once for each key."""
        return self.access is Access.OWNER

    def packed(self, arg: Any) -> tuple[Any, ...]:
        """The arguments of a call as JSON; raises TypeError or NotSerializable for one that does not fit."""
        if self.input is None:
            if arg is not None:
                raise TypeError(f"{self.function} takes no argument")
            return ()
        if arg is None and not self.required:
            return ()
        return (pack(self.input, arg),)

    def packed_bytes(self, body: bytes) -> tuple[Any, ...]:
        """The arguments of a call from the bytes of a request; raises TypeError, or InvalidValue with the path."""
        if self.input is None:
            return self.packed(body or None)
        if not body and not self.required:
            return ()
        return (pack(self.input, self.input.deserialize(body)),)

    def bytes_of(self, packed: Any) -> bytes:
        """What it returned, as the bytes of an answer."""
        return self.output.serialize(self.value(packed))

    def value(self, packed: Any) -> Any:
        """What it returned, from the JSON that its promise keeps."""
        return unpack(self.output, packed)

    def body(self, ctx: Any, *packed: Any) -> Any:
        """The durable function: the argument unpacked, the handler carried to its end, its result packed."""
        args = [unpack(self.input, each) for each in packed] if self.input is not None else []
        result = drive(self.fn(ctx, *args))
        return result if isinstance(result, Op) else pack(self.output, result)

    def object(self, key: str) -> str:
        """The virtual object or workflow of a key; empty for a service."""
        if not self.keyed:
            return ""
        if not isinstance(key, str) or not key:
            raise TypeError(f"{self.function} is called with a key: a text that is not empty")
        return f"{self.service}/{key}"

    def call_id(self, key: str, idempotency_key: str | None) -> str | None:
        """The promise id that a call must have, if any: of a workflow's run, or with an idempotency key."""
        if self.is_run:
            return ids.named(self.service, key, "run")
        parts = [self.service, key, self.name] if self.keyed else [self.service, self.name]
        return None if idempotency_key is None else ids.named(*parts, idempotency_key)

    def mark(self) -> None:
        """Have the function itself stand for this handler where handlers are asked for."""
        setattr(self.fn, _MARK, self)


def handler_of(target: Any) -> Handler:
    """The handler that a decorated function stands for."""
    found = target if isinstance(target, Handler) else getattr(target, _MARK, None)
    if not isinstance(found, Handler):
        raise DurableError(f"{target!r} is no handler: decorate it with @service.handler()")
    return found


def key_of(object: str) -> str:
    """The key of a virtual object or workflow."""
    return object.partition("/")[2]
