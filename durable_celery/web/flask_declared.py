"""Views declared to be slow, before any application is known."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import flask

from durable_celery.durable import Durable
from durable_celery.registry import CallSettings
from durable_celery.retry import RetryPolicy
from durable_celery.web.callbacks import POLICY, Callback
from durable_celery.web.flask_carrying import Carrying
from durable_celery.web.options import MAX_BODY
from durable_celery.web.webhooks import address


class ViewSettings(CallSettings, total=False):
    """Options of `durable_api` beside those of every durable function (`timeout`, `retention`, `queue`, `retry`, …).

    `id` is the id that a request has: a text with the names of its URL in braces, or a
    function of the request; without it, it is that of the Idempotency-Key, or a new one.
    `callback` is told the end: a function, called with the id and what is told of it, or
    an address; `callbacks_allowed` are the origins, or prefixes of addresses, that a
    client may name in a `Durable-Callback` header; `callback_retry` says how long they
    are tried. `headers` are the only ones that reach the worker; without it all do but
    those with credentials, with `credentials=True` these too. `max_body` is in bytes.
    `durable` is the Durable of this view, when it is not that of its application, and
    `name` that of the durable function, when it is not the module's and the view's.
    """

    durable: Durable | None
    name: str | None
    id: str | Callable[[flask.Request], str] | None
    callback: Callback | None
    callback_retry: RetryPolicy
    callbacks_allowed: Iterable[str]
    headers: Iterable[str] | None
    credentials: bool
    max_body: int


@dataclass(frozen=True, slots=True, eq=False)
class Declared:
    """One view, and what was said of it."""

    view: Callable[..., Any]
    name: str
    id: str | Callable[[flask.Request], str] | None
    durable: Durable | None
    callback: Callback | None
    callback_retry: RetryPolicy
    callbacks_allowed: tuple[str, ...]
    carrying: Carrying
    settings: CallSettings


def declared(view: Callable[..., Any], said: ViewSettings) -> Declared:
    """What was said of a view, looked at. Raises TypeError and ValueError for what cannot be meant."""
    unknown = sorted(set(said) - set(ViewSettings.__annotations__))
    if unknown:
        raise TypeError(f"not an option of durable_api: {', '.join(unknown)}")
    callback, allowed = said.get("callback"), said.get("callbacks_allowed", ())
    if isinstance(allowed, str):
        raise TypeError("callbacks_allowed is a list of addresses")
    for each in [callback, *allowed]:
        if isinstance(each, str):
            address(each)
    headers = said.get("headers")
    return Declared(
        view=view,
        name=said.get("name") or _name(view),
        id=said.get("id"),
        durable=said.get("durable"),
        callback=callback,
        callback_retry=said.get("callback_retry", POLICY),
        callbacks_allowed=tuple(allowed),
        carrying=Carrying(
            headers=None if headers is None else frozenset(each.lower() for each in headers),
            credentials=said.get("credentials", False),
            max_body=said.get("max_body", MAX_BODY),
        ),
        settings=cast(CallSettings, {word: said[word] for word in CallSettings.__annotations__ if word in said}),  # type: ignore[literal-required]
    )


def code_of(view: Any) -> Any:
    """By what the same source, loaded or run twice, is known to be the same."""
    return getattr(inspect.unwrap(view), "__code__", view)


def _name(view: Callable[..., Any]) -> str:
    """The module and the name: the same in the process that serves as in the worker, also where one is `__main__`."""
    name, whole = view.__name__, view.__qualname__
    plain = whole if whole.rpartition(".")[2] == name else name  # Flask renames the views of classes
    return f"{_module(view.__module__)}.{plain.replace('<locals>.', '')}"


def _module(name: str) -> str:
    main = sys.modules.get("__main__")
    if name != "__main__" or main is None:
        return name
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    return spec.name if spec is not None else Path(file).stem if file else name
