"""Flask: a blueprint with the whole API, and answers about executions from routes of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Unpack

import flask
from werkzeug.routing import PathConverter

from durable_celery.durable import Durable
from durable_celery.function import Function
from durable_celery.handle import Handle
from durable_celery.web.core import Core, Slots, responding
from durable_celery.web.flask_extension import EXTENSION, Mounting, State, current_durable, durable_of, state, within
from durable_celery.web.flask_messages import request_of, sent, translate
from durable_celery.web.flask_views import bind, durable_api
from durable_celery.web.options import ApiOptions, Options, of_threads
from durable_celery.web.own import Own
from durable_celery.web.routes import METHODS, ROOTS

__all__ = ["DurableFlask", "bind", "blueprint", "current_durable", "durable_api", "respond"]

NAME = "durable"
_defaults = Options()
_slots = Slots(_defaults.max_waiters)


def blueprint(
    durable: Durable,
    *,
    expose: Iterable[Function[..., Any] | str],
    name: str = NAME,
    **options: Unpack[ApiOptions],
) -> flask.Blueprint:
    """The API of the functions in `expose`, and of no others; register it with a `url_prefix`. See `ApiOptions`."""
    core = Core(durable, expose, of_threads(options), translate)
    made = flask.Blueprint(name, __name__)
    made.record_once(_know_rest)

    def view(root: str, rest: str | None = None) -> flask.Response:
        return sent(core.handle(request_of(f"/{root}" if rest is None else f"/{root}/{rest}")))

    for root in ROOTS:
        rules = {root: f"/{root}", f"{root}-below": f"/{root}/<{_Rest.name}:rest>", f"{root}-nowhere": f"/{root}/"}
        for endpoint, rule in rules.items():
            given = {"root": root, **({"rest": ""} if rule.endswith("/") else {})}
            called = endpoint.replace(".", "-")  # a dot would name another blueprint
            made.add_url_rule(rule, called, view, defaults=given, methods=METHODS, provide_automatic_options=False)
    return made


class DurableFlask:
    """The extension: `DurableFlask(durable, expose=[…])` and `init_app(app)` for each application, or `app=` at once.

    Mounts the API at `url_prefix`, None for not at all, and binds the views that are
    `@durable_api` there, with the same `authorize` and limits. Without `durable` each
    application has that of its Celery (`app.extensions["celery"]`), or of the Redis in
    its `DURABLE_STORE_URL`. With `app_context` the bodies of all functions, and each of
    their steps, are executed in a new app context; of several applications that of the
    last one. `expose`, `url_prefix`, `app_context` and all `ApiOptions` may be said by
    the configuration as well, which counts more: `DURABLE_MAX_WAIT`.
    """

    def __init__(
        self,
        durable: Durable | None = None,
        *,
        app: flask.Flask | None = None,
        expose: Iterable[Function[..., Any] | str] = (),
        url_prefix: str | None = "/durable",
        app_context: bool = False,
        **options: Unpack[ApiOptions],
    ) -> None:
        self._durable = durable
        self._mounting = Mounting(expose=expose, url_prefix=url_prefix, app_context=app_context, options=options)
        if app is not None:
            self.init_app(app)

    @property
    def durable(self) -> Durable:
        """The one it was given, else that of the application at hand."""
        return self._durable or state().durable

    def init_app(self, app: flask.Flask) -> None:
        """Add the API and the Durable to an application. Raises StoreMisconfigured when it is not said which."""
        mounting = self._mounting.configured(app.config)
        durable = self._durable or durable_of(app)
        app.extensions[EXTENSION] = State(durable)
        if mounting.url_prefix is not None:
            made = blueprint(durable, expose=mounting.expose, **mounting.options)
            app.register_blueprint(made, url_prefix=mounting.url_prefix)
            bind(app, durable, url_prefix=mounting.url_prefix, **mounting.of_views())
        if mounting.app_context:
            within(app, durable)


def _know_rest(state: flask.blueprints.BlueprintSetupState) -> None:
    state.app.url_map.converters[_Rest.name] = _Rest


class _Rest(PathConverter):
    """What follows of a path, also with a line's end in it: that is answered by the core too."""

    name = "durable_rest"
    regex = "(?s:[^/].*?)"


def respond(
    found: Handle[Any] | Callable[[], Handle[Any]], *, wait: float | None = None, location: str | None = None
) -> flask.Response:
    """The answer about an execution: 200 with its result when it is over, else 202 and where to ask.

    Waits for as many seconds as the client prefers, at most 10; `wait` for clients
    that do not say. Give the call instead of the handle (`lambda: fn.run(…)`) to
    have its refusals answered too: 409 for an id that is taken, 422 for arguments
    that do not fit. `location` is the path of the API, when it is not a blueprint
    called `durable` of this application.
    """
    req = request_of("/")
    own = Own(found, req, location or _mounted(), _defaults.max_wait, wait)
    return sent(responding(own.answer, _slots))


def _mounted() -> str | None:
    if NAME not in flask.current_app.blueprints:
        return None
    return flask.url_for(f"{NAME}.executions").removesuffix("/executions")
