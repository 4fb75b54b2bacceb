"""FastAPI: the life of a Durable as long as its application's, and the parameter that gives it to routes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from starlette.requests import HTTPConnection

from durable_celery.durable import Durable
from durable_celery.web.living import aliving

_NAME = "durable"
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Mapping[str, Any] | None]]


def lifespan(
    durable: Durable, own: Lifespan | None = None
) -> Callable[[FastAPI], AbstractAsyncContextManager[dict[str, Any]]]:
    """For `FastAPI(lifespan=lifespan(durable))`; `own` is the application's, which begins after it and ends before.

    At the start a store that could lose promises is refused (StoreMisconfigured), and
    what is unfinished goes on where functions run in this process. At the end threads
    and connections are given back. Meanwhile `DurableDep` gives the Durable to routes.
    """

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with aliving(durable):
            if own is None:
                yield {_NAME: durable}
                return
            async with own(app) as state:
                yield {**(state or {}), _NAME: durable}

    return living


def _durable(connection: HTTPConnection) -> Durable:
    found = getattr(connection.state, _NAME, None)
    if not isinstance(found, Durable):
        raise TypeError("DurableDep needs FastAPI(lifespan=lifespan(durable)), which says whose it is")
    return found


#: The Durable of the application's `lifespan`, as the annotation of a parameter.
DurableDep = Annotated[Durable, Depends(_durable)]
