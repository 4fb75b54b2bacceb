"""Cancelling: the whole tree, children first; bodies are told, may compensate, and have a grace to do so."""

from __future__ import annotations

import threading

import pytest

from durable_celery import Cancelled, Context, Durable
from tests.fundamentals.styles import Style


def test_a_sleeping_body_is_told_at_its_operation_and_may_compensate(durable: Durable) -> None:
    undone: list[str] = []

    @durable.register
    async def body(ctx: Context) -> None:
        try:
            await ctx.sleep(3600)
        except Cancelled:
            await ctx.run(undone.append, "booking")
            raise

    handle = body.run("c")
    until(lambda: handle.status == "suspended")
    handle.cancel()

    with pytest.raises(Cancelled):
        handle.result(timeout=5)
    assert undone == ["booking"]
    assert handle.status == "cancelled"


def test_a_running_body_is_told_at_its_next_operation(durable: Durable) -> None:
    at_work, go_on = threading.Event(), threading.Event()
    done: list[str] = []

    def step() -> None:
        at_work.set()
        assert go_on.wait(5)

    @durable.register
    def body(ctx: Context) -> None:
        ctx.run(step).get()
        ctx.run(done.append, "too far").get()

    handle = body.run("c")
    assert at_work.wait(5)
    handle.cancel()
    go_on.set()

    with pytest.raises(Cancelled):
        handle.result(timeout=5)
    assert done == []
    assert [step.name for step in handle.steps()] == ["step"]


def test_children_are_cancelled_before_their_parents_down_to_the_leaves(durable: Durable) -> None:
    told: list[str] = []

    @durable.register
    def leaf(ctx: Context, name: str) -> None:
        try:
            ctx.sleep(3600).get()
        except Cancelled:
            ctx.run(told.append, name).get()
            raise

    @durable.register
    def middle(ctx: Context) -> None:
        try:
            ctx.gather(ctx.rpc(leaf, "leaf"), ctx.rpc(leaf, "leaf")).get()
        except Cancelled:
            ctx.run(told.append, "middle").get()
            raise

    @durable.register
    def root(ctx: Context) -> None:
        try:
            ctx.begin_rpc(middle)
            ctx.sleep(3600).get()
        except Cancelled:
            ctx.run(told.append, "root").get()
            raise

    handle = root.run("c")
    until(lambda: all(status(durable, each) == "suspended" for each in ("c", "c.1", "c.1.1", "c.1.2")))
    handle.cancel()

    with pytest.raises(Cancelled):
        handle.result(timeout=5)
    assert told == ["leaf", "leaf", "middle", "root"]
    assert {status(durable, each) for each in ("c", "c.1", "c.1.1", "c.1.2")} == {"cancelled"}


def test_a_saga_is_undone_when_its_body_is_cancelled(durable: Durable) -> None:
    log: list[str] = []

    @durable.register
    def order(ctx: Context) -> None:
        saga = ctx.saga()
        saga.run(log.append, "reserve").compensate(log.append, "release").get()
        saga.run(log.append, "charge").compensate(log.append, "refund").get()
        ctx.promise(id="approval").get()

    handle = order.run("c")
    until(lambda: handle.status == "suspended")
    durable.cancel("c")

    with pytest.raises(Cancelled):
        handle.result(timeout=5)
    assert log == ["reserve", "charge", "refund", "release"]
    assert handle.status == "cancelled"


def test_what_does_not_end_within_its_grace_is_settled_then(durable: Durable) -> None:
    @durable.register
    def body(ctx: Context) -> None:
        try:
            ctx.sleep(3600).get()
        except Cancelled:
            ctx.sleep(1800).get()

    handle = body.run("c")
    until(lambda: handle.status == "suspended")
    handle.cancel(grace=0.3)

    with pytest.raises(Cancelled):
        handle.result(timeout=5)
    assert handle.status == "cancelled"


def test_one_that_has_not_begun_is_settled_at_once(durable: Durable) -> None:
    @durable.register
    def body(ctx: Context) -> None:
        """Never called."""

    handle = body.options(delay=3600).run("c")
    handle.cancel()

    assert handle.status == "cancelled"


def test_without_a_grace_it_is_final_at_once_and_nobody_is_told(durable: Durable) -> None:
    told: list[str] = []

    @durable.register
    def body(ctx: Context) -> None:
        try:
            ctx.sleep(3600).get()
        except Cancelled:
            told.append("body")
            raise

    handle = body.run("c")
    until(lambda: handle.status == "suspended")
    handle.cancel(grace=0)

    assert handle.status == "cancelled"
    assert told == []


def test_it_is_told_once_also_when_compensating_takes_several_attempts(durable: Durable) -> None:
    log: list[str] = []

    @durable.register
    def body(ctx: Context) -> str:
        try:
            ctx.promise().get()
        except Cancelled:
            ctx.run(log.append, "first").get()
            ctx.sleep(1.1).get()  # suspends: the cancellation is replayed
            ctx.run(log.append, "second").get()
        return "tidied up"

    handle = body.run("c")
    until(lambda: handle.status == "suspended")
    handle.cancel()

    assert handle.result(timeout=8) == "tidied up"
    assert log == ["first", "second"]


def test_local_children_with_a_ctx_are_told_too_and_first(durable: Durable) -> None:
    told: list[str] = []

    def child(ctx: Context) -> None:
        try:
            ctx.sleep(3600).get()
        except Cancelled:
            ctx.run(told.append, "child").get()
            raise

    @durable.register
    def body(ctx: Context) -> None:
        try:
            ctx.run(child).get()
        except Cancelled:
            ctx.run(told.append, "body").get()
            raise

    handle = body.run("c")
    until(lambda: handle.status == "suspended")
    handle.cancel()

    with pytest.raises(Cancelled):
        handle.result(timeout=5)
    assert told == ["child", "body"]
    assert handle.status == "cancelled"


def test_strands_gathered_fail_fast_are_all_told_and_end_before_their_body(durable: Durable, style: Style) -> None:
    told: list[str] = []

    undo = style(undoes(told))

    @style
    def root(ctx: Context):
        try:
            yield ctx.gather(ctx.begin_run(undo, "quick", 0), ctx.begin_run(undo, "slow", 0.2), ctx.promise())
        except Cancelled:
            yield ctx.run(told.append, "body")
            raise

    handle = durable.register(root).run("c")
    until(lambda: handle.status == "suspended")
    handle.cancel()

    with pytest.raises(Cancelled):
        handle.result(timeout=5)
    assert told == ["quick", "slow", "body"]


def test_a_body_that_returns_leaves_no_strand_behind_that_was_not_told(durable: Durable, style: Style) -> None:
    told: list[str] = []

    @style
    def gives_up(ctx: Context):
        try:
            yield ctx.sleep(3600)
        except Cancelled:
            return "as far as I came"

    @style
    def race(ctx: Context):
        return (yield ctx.select(first=ctx.run(gives_up), last=ctx.run(style(undoes(told)), "loser", 0.1)))

    handle = durable.register(race).run("c")
    until(lambda: handle.status == "suspended")
    handle.cancel()

    assert handle.result(timeout=5) == ["first", "as far as I came"]
    assert told == ["loser"]


def test_a_shared_child_and_a_detached_one_live_on(durable: Durable) -> None:
    @durable.register
    def asleep(ctx: Context) -> None:
        ctx.sleep(3600).get()

    @durable.register
    def body(ctx: Context) -> None:
        ctx.detached(asleep)
        ctx.rpc(asleep).options(id="shared").get()

    handle = body.run("c")
    until(lambda: all(status(durable, each) == "suspended" for each in ("c", "c.1", "shared")))
    handle.cancel()

    with pytest.raises(Cancelled):
        handle.result(timeout=5)
    assert (status(durable, "c.1"), status(durable, "shared")) == ("suspended", "suspended")


def undoes(told: list[str]):
    """A child that takes so many seconds to undo what it did."""

    def child(ctx: Context, name: str, seconds: float):
        try:
            yield ctx.sleep(3600)
        except Cancelled:
            yield ctx.sleep(seconds)
            yield ctx.run(told.append, name)
            raise

    return child


def status(durable: Durable, promise_id: str) -> str:
    try:
        return durable.get(promise_id).status
    except LookupError:
        return "unknown"


def until(holds, seconds: float = 5.0) -> None:
    pause = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if holds():
            return
        pause.wait(0.01)
    raise AssertionError("it never came to hold")
