"""What a server does with a Durable at its start and at its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from durable_celery.durable import Durable
from durable_celery.errors import StoreFull, StoreUnavailable

logger = logging.getLogger("durable_celery")


def begin(durable: Durable) -> None:
    """Go on with what is unfinished, where functions run in this process. Raises StoreMisconfigured."""
    try:
        durable.store  # noqa: B018  # the first use checks how it is set up
    except (StoreUnavailable, StoreFull) as error:  # it may come back, and /readyz says when
        logger.warning("the store of promises does not answer yet: %s", error)
    durable.invocations.go_on()


@asynccontextmanager
async def aliving(durable: Durable) -> AsyncIterator[None]:
    """From its start to its end, on an event loop."""
    await asyncio.to_thread(begin, durable)
    try:
        yield
    finally:
        await asyncio.to_thread(durable.close)
