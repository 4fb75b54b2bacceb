"""An asynchronous client as one that waits, so that both are told the same stories."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

from durable_celery.calling import AsyncCaller, AsyncInvocation, Bound, Proxy


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    def begin(self, awaitable: Any) -> Future[Any]:
        async def awaited() -> Any:
            return await awaitable

        return asyncio.run_coroutine_threadsafe(awaited(), self.loop)

    def wait(self, awaitable: Any) -> Any:
        return self.begin(awaitable).result(60)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


class Waiting:
    """Whatever it wraps, with every awaitable awaited."""

    def __init__(self, loop: Loop, inner: Any) -> None:
        self.loop = loop
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        if isinstance(self.inner, AsyncInvocation) and name == "status":
            return self.loop.wait(self.inner.status())
        return self.wrapped(getattr(self.inner, name))

    def __getitem__(self, name: str) -> Any:
        return self.wrapped(self.inner[name])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given = self.inner(*args, **kwargs)
        if not isinstance(given, AsyncInvocation) and hasattr(given, "__await__"):
            given = self.loop.wait(given)
        return self.wrapped(given)

    def wrapped(self, given: Any) -> Any:
        again = callable(given) or isinstance(given, AsyncCaller | AsyncInvocation | Bound | Proxy)
        return Waiting(self.loop, given) if again else given
