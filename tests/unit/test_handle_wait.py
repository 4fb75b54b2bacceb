"""Waiting for a handle on an event loop: with a bound, and given up."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest

from durable_celery import Durable


@pytest.fixture
def durable() -> Iterator[Durable]:
    made = Durable.local()
    made.promises.create("never")
    yield made
    made.close()


def test_waiting_on_an_event_loop_ends_with_its_timeout(durable: Durable) -> None:
    for timeout in (0, 0.1):
        with pytest.raises(TimeoutError, match="not settled in the time given"):
            asyncio.run(asyncio.wait_for(durable.get("never").wait(timeout), 20))


def test_who_gives_up_while_the_watch_begins_leaves_none_behind(
    durable: Durable, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, over = threading.Event(), threading.Event(), threading.Event()
    watch = durable.store.watch

    def slow(promise_id: str, notify: Callable[[], None], **said: bool) -> Callable[[], None]:
        begun.set()
        go_on.wait(20)
        unwatch = watch(promise_id, notify, **said)

        def end() -> None:
            unwatch()
            over.set()

        return end

    monkeypatch.setattr(durable.store, "watch", slow)

    async def give_up() -> None:
        waiting = asyncio.ensure_future(durable.get("never").wait())
        assert await asyncio.to_thread(begun.wait, 20)
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
        go_on.set()
        assert await asyncio.to_thread(over.wait, 20)

    asyncio.run(give_up())
