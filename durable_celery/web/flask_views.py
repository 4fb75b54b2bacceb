"""`@durable_api`: a slow view that answers at once, and is carried out by a worker."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, Unpack, overload

import flask
from flask.views import View as ClassView

from durable_celery.durable import Durable
from durable_celery.errors import InvalidName
from durable_celery.web.flask_bound import EXTENSION, Views, of_application
from durable_celery.web.flask_declared import Declared, ViewSettings, code_of, declared
from durable_celery.web.flask_starting import start, status
from durable_celery.web.options import ApiOptions, Authorize, of_threads
from durable_celery.web.webhooks import Secrets, address, keys_of

V = TypeVar("V", bound=Callable[..., Any])

_ALLOWED, _SECRETS = "DURABLE_CALLBACKS_ALLOWED", "DURABLE_CALLBACK_SECRETS"
#: What was declared in this process, by name, and the applications that were bound: whichever comes later looks.
_declared: dict[str, Declared] = {}
_bound: weakref.WeakSet[Views] = weakref.WeakSet()


@overload
def durable_api(view: V, /) -> V:
    """Bare."""


@overload
def durable_api(view: None = None, /, **options: Unpack[ViewSettings]) -> Callable[[V], V]:
    """With options."""


def durable_api(view: Any = None, /, **options: Unpack[ViewSettings]) -> Any:
    """Have a view answer 202 at once and a worker carry it out: below the route's decorator, bare or with options.

    `Location` leads to the status link: 202 while it runs, then what the view returned.
    It works on functions, and on methods of MethodView and of flask-restful's Resource.
    A view whose first parameter is a `ctx` may make durable steps. See `ViewSettings`.
    """
    if view is None:
        return functools.partial(durable_api, **options)
    made = declared(view, options)

    @functools.wraps(view)
    def answering(*args: Any, **kwargs: Any) -> Any:
        bound = bool(args) and isinstance(args[0], ClassView)
        return start(of_application(), made, args[1:] if bound else args, kwargs, bound=bound)

    taken = _declared.get(made.name)
    if taken is not None and code_of(taken.view) != code_of(view):
        raise InvalidName(f"two views are called {made.name!r}; give one of them a name=")
    _declared[made.name] = made
    for views in list(_bound):
        views.add(made)
    return answering


def bind(
    app: flask.Flask,
    durable: Durable,
    *,
    url_prefix: str | None = "/durable",
    authorize: Authorize | None = None,
    principal: Callable[[Any], str | None] | None = None,
    max_wait: float = 10.0,
    max_waiters: int | None = 2,
    callbacks_allowed: Iterable[str] = (),
    callback_secrets: Secrets = (),
) -> None:
    """Let the views declared in this process, before or after, be carried out by this application and this Durable.

    To be called where the application is made: for the web server and for the worker.
    `<url_prefix>/status/<id>` is the status link. `authorize`, `principal`, `max_wait` and
    `max_waiters` are as in `ApiOptions`. Which callbacks clients may ask for, and what
    they are signed with, may be said in `app.config` too: `DURABLE_CALLBACKS_ALLOWED`
    and `DURABLE_CALLBACK_SECRETS`.
    """
    allowed = tuple(map(str, [*_listed(callbacks_allowed), *_listed(app.config.get(_ALLOWED))]))
    secrets = [*_listed(callback_secrets), *_listed(app.config.get(_SECRETS))]
    for each in allowed:
        address(each)
    if allowed and not keys_of(secrets):
        raise ValueError(f"callbacks to addresses are signed: set {_SECRETS} in app.config")
    said: ApiOptions = {"authorize": authorize, "principal": principal}
    said |= {"max_wait": max_wait, "max_waiters": max_waiters}
    views = Views(app, durable, of_threads(said), allowed, secrets)
    app.extensions[EXTENSION] = views
    made = flask.Blueprint(EXTENSION, __name__)
    made.add_url_rule("/status/<id>", "status", functools.partial(status, views))
    app.register_blueprint(made, url_prefix=url_prefix)
    for each_declared in list(_declared.values()):
        views.add(each_declared)
    _bound.add(views)


def _listed(said: Any) -> list[Any]:
    if said is None:
        return []
    return [said] if isinstance(said, str | bytes) else list(said)
