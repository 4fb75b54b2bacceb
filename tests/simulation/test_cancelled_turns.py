"""The strands of an execution that is cancelled, let go in an order that is drawn: each is told, before its body."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from durable_celery import Cancelled, RetryPolicy
from durable_celery.promise import Phase, State
from tests.simulation.test_turns import ID, OneWorker

ORDERS = range(8)
GRACE_MS = 60_000


class Told:
    """Bodies that are told, and undo."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.worker: OneWorker

    def asks(self, ctx: Any, name: str, undoing: Callable[[Any], Any]) -> Iterator[Any]:
        """Waits for what does not come; when it is told it undoes something, which takes its time."""
        try:
            yield ctx.sleep(7200)
        except Cancelled:
            yield from self.undo(ctx, name, undoing)
            raise

    def undo(self, ctx: Any, name: str, undoing: Callable[[Any], Any]) -> Iterator[Any]:
        yield undoing(ctx)
        yield ctx.run(self.log.append, name)

    def at_work(self, turns: int) -> Callable[[Any], Any]:
        return lambda ctx: ctx.run(self.worker.work, turns)

    def cancelled(self, body: Callable[..., Any], order: int) -> State:
        """What becomes of this body when it is cancelled while it sleeps; ten seconds pass between two attempts."""
        self.worker = OneWorker(body, order)
        self.worker.play()
        assert self.worker.store.get(ID).phase is Phase.SUSPENDED
        self.worker.store.cancel(ID, GRACE_MS)
        for _ in range(5):
            self.worker.play()
            if self.worker.store.get(ID).state.settled:
                break
            self.worker.clock.advance(seconds=10)
            self.worker.store.sweep(10)
        return self.worker.store.get(ID).state


def asleep(ctx: Any) -> Any:
    """Undoing that outlives the attempt."""
    return ctx.sleep(8)


@pytest.mark.parametrize("order", ORDERS)
def test_strands_gathered_fail_fast_are_all_told_however_long_each_undoes(order: int) -> None:
    told = Told()

    def body(ctx):
        try:
            yield ctx.gather(*(ctx.begin_run(told.asks, name, told.at_work(n)) for name, n in (("a", 0), ("b", 6))))
        except Cancelled:
            told.log.append("body")
            raise

    assert told.cancelled(body, order) is State.CANCELED
    assert sorted(told.log[:2]) == ["a", "b"]
    assert told.log[2:] == ["body"]


@pytest.mark.parametrize("order", ORDERS)
def test_undoing_may_outlive_the_attempt_in_a_strand_and_in_its_body(order: int) -> None:
    told = Told()

    def body(ctx):
        try:
            yield ctx.gather(
                ctx.begin_run(told.asks, "a", told.at_work(2)), ctx.begin_run(told.asks, "b", asleep), ctx.sleep(9999)
            )
        except Cancelled:
            yield from told.undo(ctx, "body", asleep)
            raise

    assert told.cancelled(body, order) is State.CANCELED
    assert told.log == ["a", "b", "body"]


@pytest.mark.parametrize("order", ORDERS)
def test_a_body_that_undoes_in_several_attempts_is_told_by_its_gather_again(order: int) -> None:
    told = Told()

    def body(ctx):
        try:
            yield ctx.gather(ctx.begin_run(told.asks, "a", told.at_work(1)), ctx.begin_run(told.asks, "b", asleep))
        except Cancelled:
            yield from told.undo(ctx, "body", asleep)
            yield from told.undo(ctx, "body again", asleep)
            raise

    assert told.cancelled(body, order) is State.CANCELED
    assert told.log == ["a", "b", "body", "body again"]


@pytest.mark.parametrize("order", ORDERS)
def test_a_strand_that_the_body_began_and_did_not_wait_for_yet_is_told_before_it(order: int) -> None:
    told = Told()

    def body(ctx):
        ctx.begin_run(told.asks, "strand", told.at_work(3))
        yield from told.asks(ctx, "body", told.at_work(0))

    assert told.cancelled(body, order) is State.CANCELED
    assert told.log == ["strand", "body"]


@pytest.mark.parametrize("order", ORDERS)
def test_what_lost_a_race_is_told_although_the_body_makes_nothing_more_of_it(order: int) -> None:
    told = Told()

    def gives_up(ctx):
        try:
            yield ctx.sleep(7200)
        except Cancelled:
            return "as far as I came"

    def body(ctx):
        _, value = yield ctx.select(first=ctx.begin_run(gives_up), last=ctx.run(told.asks, "loser", asleep))
        return value

    assert told.cancelled(body, order) is State.RESOLVED
    assert told.log == ["loser"]


@pytest.mark.parametrize("order", ORDERS)
def test_a_strand_whose_sibling_fails_while_undoing_is_told_as_well(order: int) -> None:
    told = Told()

    def fails(ctx):
        try:
            yield ctx.sleep(7200)
        except Cancelled:
            raise ValueError("cannot undo") from None

    def body(ctx):
        yield ctx.gather(ctx.begin_run(fails), ctx.begin_run(told.asks, "sibling", asleep))

    assert told.cancelled(body, order) is State.REJECTED
    assert told.log == ["sibling"]


@pytest.mark.parametrize("order", ORDERS)
def test_a_step_between_two_tries_is_told_for_itself_and_takes_nothing_from_its_body(order: int) -> None:
    told = Told()

    def fails():
        raise OSError("away")

    def body(ctx):
        ctx.begin_run(fails).options(retry=RetryPolicy(initial=3600, maximum=3600))
        yield from told.asks(ctx, "body", asleep)

    assert told.cancelled(body, order) is State.CANCELED
    assert told.log == ["body"]


@pytest.mark.parametrize("order", ORDERS)
def test_a_strand_that_will_not_end_holds_its_body_for_the_grace_and_no_longer(order: int) -> None:
    told = Told()

    def body(ctx):
        try:
            yield ctx.gather(
                ctx.begin_run(told.asks, "never", lambda ctx: ctx.promise("a")),
                ctx.begin_run(told.asks, "b", told.at_work(1)),
            )
        except Cancelled:
            told.log.append("body")
            raise

    assert told.cancelled(body, order) is State.PENDING
    told.worker.clock.advance(ms=GRACE_MS)
    assert told.worker.store.get(ID).state is State.CANCELED
    assert told.log == ["b"]


@pytest.mark.parametrize("order", ORDERS)
def test_who_is_to_be_told_at_a_child_that_it_did_not_begin_asks_nobody_about_it(order: int) -> None:
    told = Told()

    def cancel():
        told.worker.store.cancel(ID, GRACE_MS)

    def body(ctx):
        ctx.begin_run(told.worker.rest, 2000)
        yield ctx.run(cancel)
        yield ctx.rpc("body").options(id="other")

    told.worker = OneWorker(body, order)
    told.worker.play()
    assert told.worker.store.get(ID).state is State.CANCELED


@pytest.mark.parametrize("order", ORDERS)
def test_a_gather_of_what_is_there_is_passed_again_to_the_child_that_is_to_be_told(order: int) -> None:
    told = Told()

    def body(ctx):
        steps = [ctx.begin_run(told.worker.work, n) for n in (1, 2)]
        yield steps[0]
        yield ctx.gather(*steps)
        yield ctx.run(told.asks, "child", told.at_work(1))

    assert told.cancelled(body, order) is State.CANCELED
    assert told.log == ["child"]


@pytest.mark.parametrize("order", ORDERS)
def test_a_gather_tells_its_body_again_and_not_the_one_before_it_that_began_alike(order: int) -> None:
    told = Told()

    def body(ctx):
        first, second = ctx.begin_run(told.worker.work, 1), ctx.promise("a")
        try:
            yield first
            yield ctx.gather(first)
            told.log.append("passed")
            yield ctx.gather(first, second)
        except Cancelled:
            yield from told.undo(ctx, "body", asleep)
            raise

    assert told.cancelled(body, order) is State.CANCELED
    assert told.log == ["passed", "passed", "passed", "body"]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("how", ["run", "begin_run"])
def test_a_child_that_undoes_is_not_told_and_is_tried_again(order: int, how: str) -> None:
    told = Told()

    def flaky():
        told.log.append("try")
        if told.log.count("try") == 1:
            raise OSError("away")

    def undoes(ctx):
        yield ctx.sleep(8)
        yield ctx.run(flaky).options(retry=RetryPolicy(initial=4))
        yield ctx.run(told.log.append, "undone")

    def body(ctx):
        try:
            yield ctx.sleep(7200)
        except Cancelled:
            steps = [getattr(ctx, how)(flaky).options(retry=RetryPolicy(initial=4)), getattr(ctx, how)(undoes)]
            yield ctx.gather(*steps)
            raise

    assert told.cancelled(body, order) is State.CANCELED
    assert sorted(told.log) == ["try", "try", "try", "undone"]
