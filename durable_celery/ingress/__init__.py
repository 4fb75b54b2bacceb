"""Services, virtual objects and workflows over HTTP: an ASGI application on Starlette."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from durable_celery.durable import Durable
from durable_celery.handlers import Handlers
from durable_celery.ingress.environment import durable_from

if TYPE_CHECKING:
    from durable_celery.ingress.application import Ingress

#: Function, id, action and Starlette's request.
Authorize = Callable[[str, str, str, Any], Any]
#: The largest body of a request, in bytes.
MAX_BODY = 1024 * 1024


def app(
    services: Iterable[Handlers],
    durable: Durable | None = None,
    *,
    max_body: int = MAX_BODY,
    authorize: Authorize | None = None,
) -> Ingress:
    """An ASGI application that takes calls of these services over HTTP.

    Without `durable` the environment says where promises are and who works:
    CELERY_BROKER_URL names a broker, and Celery workers execute the handlers;
    with DURABLE_STORE_URL alone they are executed in this process and kept in
    Redis; with neither in this process and its memory. `max_body` is in bytes.
    `authorize(function, id, action, request)`, which may be asynchronous, is asked
    whether an invocation may be cancelled (`cancel`): only True lets it. Without it
    whoever knows the id may, as its caller does. Raises ImportError when Starlette is not installed.
    """
    try:
        from durable_celery.ingress.application import Ingress  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "starlette":
            raise
        raise ImportError(
            "serving over HTTP needs Starlette: pip install 'durable-celery[asgi]'", name="starlette"
        ) from error
    mine = durable is None
    return Ingress(tuple(services), durable or durable_from(), owns=mine, max_body=max_body, authorize=authorize)
