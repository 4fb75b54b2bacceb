"""The handlers of one service, virtual object or workflow, by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, Unpack

from durable_celery.errors import InvalidName
from durable_celery.handler import JSON, Handler, Kind
from durable_celery.promise import Access
from durable_celery.registry import CallSettings, Registered, options_of, signature_of
from durable_celery.serde import Serde, annotations_of, serde_for

F = TypeVar("F", bound=Callable[..., Any])

#: Parameters of a handler: ctx, and its argument.
_MOST = 2


class HandlerOptions(CallSettings, total=False):
    """What may be said of a handler, beside what may be said of every durable function.

    A serde takes the place of the annotation; `accept` and `content_type` are the
    media types that go with it. A private handler is called by other handlers only.
    """

    input_serde: Serde[Any]
    output_serde: Serde[Any]
    accept: str
    content_type: str
    private: bool
    metadata: dict[str, str]


class Handlers:
    """What a service, a virtual object and a workflow have in common.

    The options (`timeout`, `retention`, `queue`, `priority`, `tags`, `retry`) hold
    for all handlers that say nothing else.
    """

    kind: Kind

    def __init__(
        self,
        name: str,
        description: str | None = None,
        metadata: dict[str, str] | None = None,
        *,
        private: bool = False,
        **options: Unpack[CallSettings],
    ) -> None:
        if not name or "/" in name:
            raise InvalidName(f"{name!r} is no name for a {self.kind}: it is a segment of a URL")
        self.name = name
        self.description = description or ""
        self.metadata = metadata or {}
        self.private = private
        self.handlers: dict[str, Handler] = {}
        self._options = options_of(options)

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name}: {', '.join(self.handlers)}>"

    def registrations(self) -> list[Registered]:
        """Its handlers as durable functions."""
        return [Registered(each.function, 1, each.body, each.options, each) for each in self.handlers.values()]

    def add(
        self,
        fn: F,
        name: str | None,
        access: Access,
        context: Callable[..., Any],
        **said: Unpack[HandlerOptions],
    ) -> F:
        """Make a function a handler. Raises InvalidName for a second one of a name, TypeError for a wrong signature."""
        called = name or fn.__name__
        if called in self.handlers:
            raise InvalidName(f"{self.name} has a handler {called!r} already; give one of them another name")
        takes = _argument(fn)
        given, returned = annotations_of(fn)
        made = Handler(
            service=self.name,
            name=called,
            kind=self.kind,
            access=access,
            fn=fn,
            input=None if takes is None else said.get("input_serde") or serde_for(given),
            required=takes is not None and takes.default is takes.empty,
            output=said.get("output_serde") or serde_for(returned),
            context=context,
            accept=said.get("accept", JSON),
            content_type=said.get("content_type", JSON),
            private=said.get("private", self.private),
            description=inspect.getdoc(fn) or "",
            metadata=said.get("metadata", {}),
            options=options_of(said).over(self._options),
        )
        made.mark()
        self.handlers[called] = made
        return fn


def _argument(fn: Callable[..., Any]) -> inspect.Parameter | None:
    """The parameter after ctx; raises TypeError when there are more, or not even a ctx."""
    signature = signature_of(fn)
    parameters = [] if signature is None else list(signature.parameters.values())
    if len(parameters) not in (1, _MOST):
        raise TypeError(
            f"a handler takes ctx and at most one argument; {fn.__name__} takes {len(parameters)} parameters: "
            "put several values into one, such as a dataclass or a TypedDict"
        )
    return parameters[1] if len(parameters) == _MOST else None
