"""The declared views of one application: each a durable function that its workers have."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import flask

from durable_celery.context import Context
from durable_celery.durable import Durable
from durable_celery.function import Function
from durable_celery.web import callbacks
from durable_celery.web.callbacks import Calling
from durable_celery.web.core import Slots
from durable_celery.web.exposed import Exposed
from durable_celery.web.flask_declared import Declared, code_of
from durable_celery.web.flask_messages import translate
from durable_celery.web.flask_performing import perform, told
from durable_celery.web.options import Options

#: Where an application keeps them, and the name of the blueprint with the status link.
EXTENSION = "durable_views"


class Views:
    """What `bind` makes of an application and a Durable."""

    def __init__(
        self, app: flask.Flask, durable: Durable, options: Options, allowed: tuple[str, ...], secrets: list[str | bytes]
    ) -> None:
        self.options = options
        self.slots = Slots(options.max_waiters)
        self.secrets = secrets
        self.name = app.name
        self._app = app
        self._durable = durable
        self._allowed = allowed
        self._declared: dict[str, Declared] = {}
        self._functions: dict[str, Function[..., Any]] = {}

    def add(self, declared: Declared) -> None:
        """Make a durable function of a view; one that was loaded twice is the same."""
        durable = declared.durable or self._durable
        self._declared[declared.name] = declared
        durable.dependencies.setdefault(EXTENSION, {})[self.name] = self
        self._functions[declared.name] = _registered(durable, declared)
        if not durable.registry.has(callbacks.NAME):
            durable.register(name=callbacks.NAME)(callbacks.body(_calling))

    def function(self, declared: Declared) -> Function[..., Any]:
        """The durable function of a view."""
        return self._functions[declared.name]

    def allowed(self, declared: Declared) -> tuple[str, ...]:
        """Where clients of a view may ask to be called at."""
        return (*self._allowed, *declared.callbacks_allowed)

    def exposed(self) -> list[Exposed]:
        """What the status link shows, for each Durable that has views here."""
        by_durable: dict[int, list[Function[..., Any]]] = {}
        for function in self._functions.values():
            by_durable.setdefault(id(function.durable), []).append(function)
        return [Exposed(each[0].durable, each, self.options, translate) for each in by_durable.values()]

    def perform(self, ctx: Context, name: str, request: dict[str, Any]) -> dict[str, Any]:
        """Carry out a view."""
        return perform(self._app, ctx, self._declared[name].view, request)

    def calling(self, name: str) -> Calling:
        """What belongs to the callbacks of a view."""
        declared = self._declared[name]
        return Calling(
            callback=declared.callback,
            retry=declared.callback_retry,
            secrets=self.secrets,
            allowed=self.allowed(declared),
            result=told,
            within=self._app.app_context,
        )


def of_application() -> Views:
    """Those of the application at hand."""
    found: Views | None = flask.current_app.extensions.get(EXTENSION)
    if found is None:
        raise RuntimeError(
            f"the application {flask.current_app.name!r} has no Durable to carry out its views: "
            "call durable_celery.web.flask.bind(app, durable) where it is made"
        )
    return found


def _registered(durable: Durable, declared: Declared) -> Function[..., Any]:
    """The durable function of a view; made once, also when a factory is called twice."""
    if durable.registry.has(declared.name):
        known = durable.registry.get(declared.name)
        if code_of(inspect.unwrap(known.fn)) == code_of(declared.view):
            return Function(durable, known)
    return durable.register(name=declared.name, **declared.settings)(_body(declared))


def _body(declared: Declared) -> Callable[..., Any]:
    """The durable function of a view; which application it belongs to is said by each request."""

    def carry_out(ctx: Context, request: dict[str, Any]) -> Any:
        return _of_name(ctx, request["app"]).perform(ctx, declared.name, request)

    return _standing_for(carry_out, declared.view)


def _calling(ctx: Context, function: str, app: str) -> Calling:
    return _of_name(ctx, app).calling(function)


def _of_name(ctx: Context, app: str) -> Views:
    """The application of this name; where there is one only it may be called otherwise here."""
    bound: dict[str, Views] = ctx.get_dependency(EXTENSION)
    found = bound.get(app) or (next(iter(bound.values())) if len(bound) == 1 else None)
    if found is None:
        raise LookupError(f"no application {app!r} is bound in this process, only {', '.join(bound)}")
    return found


def _standing_for(body: Callable[..., Any], view: Callable[..., Any]) -> Callable[..., Any]:
    """The body with the name and the place of the view, and its own signature."""
    body.__signature__ = inspect.signature(body)  # type: ignore[attr-defined]
    body.__wrapped__ = view  # type: ignore[attr-defined]
    body.__name__, body.__module__, body.__doc__ = view.__name__, view.__module__, view.__doc__
    return body
