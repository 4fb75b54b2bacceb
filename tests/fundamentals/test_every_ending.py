"""How bodies end, in all three styles, with promises in memory and in Redis: told, out of time, or gone on."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from durable_celery import Cancelled, Context, Durable, TimedOut
from tests.fundamentals.styles import Style
from tests.fundamentals.test_every_style import WAIT_S, suspended


def test_a_cancelled_body_is_told_once_undoes_and_ends_as_cancelled(durable: Durable, style: Style) -> None:
    log: list[str] = []

    @durable.register
    @style
    def body(ctx: Context) -> Any:
        yield ctx.run(log.append, "did")
        try:
            yield ctx.promise()
        except Cancelled:
            yield ctx.run(log.append, "undid")
            yield ctx.sleep(1.1)  # suspends: what it was told is replayed
            yield ctx.run(log.append, "told once")
            raise

    handle = body.run("c")
    suspended(handle)
    handle.cancel()

    with pytest.raises(Cancelled):
        handle.result(timeout=WAIT_S)
    assert (log, handle.status) == (["did", "undid", "told once"], "cancelled")


def test_a_cancelled_saga_is_undone_after_its_children(durable: Durable, style: Style) -> None:
    log: list[str] = []

    @durable.register
    @style
    def child(ctx: Context) -> Any:
        saga = ctx.saga()
        yield saga.run(log.append, "child did").compensate(log.append, "child undid")
        yield ctx.sleep(3600)

    @durable.register
    @style
    def body(ctx: Context) -> Any:
        saga = ctx.saga()
        yield saga.run(log.append, "did").compensate(log.append, "undid")
        yield ctx.rpc(child)

    handle = body.run("s")
    suspended(handle)
    suspended(durable.get("s.2"))
    handle.cancel()

    with pytest.raises(Cancelled):
        handle.result(timeout=WAIT_S)
    assert log == ["did", "child did", "child undid", "undid"]


def test_a_step_out_of_time_is_recorded_as_that(durable: Durable, style: Style) -> None:
    over = threading.Event()

    @durable.register
    @style
    def body(ctx: Context) -> Any:
        try:
            yield ctx.run(over.wait, WAIT_S).options(timeout=0.1)
        except TimedOut:
            yield ctx.sleep(1.1)  # suspends: the timeout is replayed
            return "in time"

    handle = body.run("t")
    assert handle.result(timeout=WAIT_S) == "in time"
    assert str(handle.steps()[0].state) == "rejected_timedout"
    over.set()


def test_it_goes_on_with_a_new_history(durable: Durable, style: Style) -> None:
    @durable.register
    @style
    def count(ctx: Context, done: int) -> Any:
        done = yield ctx.run(lambda: done + 1)
        ctx.progress(done, 3)
        return (yield ctx.continue_as(done)) if done < 3 else done

    handle = count.run("n", 0)

    assert handle.result(timeout=WAIT_S) == 3
    assert durable.get("n.2.2").progress() == {"done": 3, "total": 3, "note": ""}


def test_it_is_run_again_from_the_step_that_failed(durable: Durable, style: Style) -> None:
    broken, done = [True], []

    def charge() -> str:
        if broken:
            raise ConnectionError
        return "charged"

    @durable.register
    @style
    def order(ctx: Context) -> Any:
        yield ctx.run(done.append, "reserved")
        return (yield ctx.run(charge))

    with pytest.raises(ConnectionError):
        order.run("o").result(timeout=WAIT_S)
    broken.clear()

    assert durable.resume("o").result(timeout=WAIT_S) == "charged"
    assert done == ["reserved"]
