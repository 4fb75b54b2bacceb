"""Flask: what belongs to an application, and the settings that are read from its configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypedDict
from weakref import WeakKeyDictionary

import flask
from werkzeug.local import LocalProxy

from durable_celery.durable import Durable
from durable_celery.errors import StoreMisconfigured
from durable_celery.function import Function
from durable_celery.web.options import ApiOptions, Authorize

EXTENSION = "durable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounting:
    """What `DurableFlask` is told, and what `DURABLE_*` of a configuration may say instead."""

    expose: Iterable[Function[..., Any] | str]
    url_prefix: str | None
    app_context: bool
    options: ApiOptions

    def configured(self, config: flask.Config) -> Mounting:
        """The same, with what the configuration says over what the code did."""
        said: dict[str, Any] = config.get_namespace("DURABLE_")
        own = {name: said[name] for name in ("expose", "url_prefix", "app_context") if name in said}
        options: Any = {name: said[name] for name in ApiOptions.__annotations__ if name in said}
        return replace(self, **own, options={**self.options, **options})

    def of_views(self) -> ViewOptions:
        """What `bind` is told of it."""
        return {name: self.options[name] for name in ViewOptions.__annotations__ if name in self.options}  # type: ignore[literal-required, return-value]


class ViewOptions(TypedDict, total=False):
    """Those of `ApiOptions` that the status link of a view heeds too."""

    authorize: Authorize | None
    principal: Callable[[Any], str | None] | None
    max_wait: float
    max_waiters: int | None


@dataclass(frozen=True, slots=True)
class State:
    """What is kept in `app.extensions["durable"]`."""

    durable: Durable


def durable_of(app: flask.Flask) -> Durable:
    """The Durable of the application's Celery, or of the Redis that it names. Raises StoreMisconfigured."""
    celery, url = app.extensions.get("celery"), app.config.get("DURABLE_STORE_URL")
    if celery is not None:
        known: Durable | None = getattr(celery, "durable", None)
        return known or Durable(celery, store=url)
    if url is None:
        raise StoreMisconfigured(
            f"{app.name!r} has no Durable: give one to DurableFlask(durable), put the Celery application "
            'into app.extensions["celery"], or a redis:// URL into app.config["DURABLE_STORE_URL"]'
        )
    return Durable(store=url)


#: By Durable, what ends that its functions are in the context of an application.
_within: WeakKeyDictionary[Durable, Callable[[], None]] = WeakKeyDictionary()


def within(app: flask.Flask, durable: Durable) -> None:
    """Have bodies and steps executed in the context of this application, and of no other one."""
    before = _within.pop(durable, None)
    if before is not None:  # a factory that is called again, as tests do
        before()
    _within[durable] = durable.around(app.app_context)


def state() -> State:
    """That of the application at hand."""
    found: State | None = flask.current_app.extensions.get(EXTENSION)
    if found is None:
        raise RuntimeError(f"DurableFlask has not been given the application {flask.current_app.name!r}: init_app(app)")
    return found


#: The Durable of the application at hand.
current_durable: Durable = LocalProxy(lambda: state().durable)  # type: ignore[assignment]
