"""Races: the first of several, one after the other as they come, and a limit on a wait."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from durable_celery import Context, Durable


def test_select_gives_the_name_and_the_value_of_the_first(durable: Durable) -> None:
    never = threading.Event()

    @durable.register
    async def body(ctx: Context) -> list[object]:
        return list(await ctx.select(slow=ctx.promise(), quick=ctx.run(lambda: "here"), late=ctx.sleep(60)))

    assert body.run("s").result(timeout=5) == ["quick", "here"]
    never.set()


def test_the_choice_is_recorded_so_a_replay_chooses_the_same(durable: Durable) -> None:
    def settle(promise_id: str) -> None:
        durable.promises.resolve(promise_id, "too late")

    @durable.register
    def body(ctx: Context) -> list[object]:
        slow = ctx.promise()
        first = yield ctx.select(a=slow, b=ctx.sleep(0.05))
        yield ctx.run(settle, slow.id)
        yield ctx.sleep(1.1)  # suspends: everything above is replayed with the promise settled
        return [first[0], (yield slow)]

    handle = body.run("s")
    assert handle.result(timeout=5) == ["b", "too late"]
    assert handle.promise().attempt > 1


def test_the_error_of_the_first_is_raised(durable: Durable) -> None:
    def bad() -> None:
        raise KeyError("lost")

    @durable.register
    def body(ctx: Context) -> None:
        ctx.select(bad=ctx.run(bad), later=ctx.sleep(60)).get()

    with pytest.raises(KeyError, match="lost"):
        body.run("s").result(timeout=5)


def test_as_completed_gives_values_as_they_come(durable: Durable) -> None:
    second, third = threading.Event(), threading.Event()

    def one() -> int:
        second.set()
        return 1

    def two() -> int:
        assert second.wait(5)
        third.set()
        return 2

    def three() -> int:
        assert third.wait(5)
        return 3

    @durable.register
    def body(ctx: Context) -> list[int]:
        seen = []
        for turn in ctx.as_completed(ctx.run(three), ctx.run(one), ctx.run(two)):
            seen.append((yield turn))
        return seen

    assert sorted(body.run("s").result(timeout=5)) == [1, 2, 3]


def test_a_limit_on_a_wait_raises_timeout_error_inside_the_body(durable: Durable) -> None:
    @durable.register
    async def body(ctx: Context) -> str:
        try:
            return str(await ctx.promise().timeout(0.05))
        except TimeoutError:
            return "nobody answered"

    assert body.run("s").result(timeout=5) == "nobody answered"


def test_a_limit_that_is_not_reached_changes_nothing(durable: Durable) -> None:
    @durable.register
    async def body(ctx: Context) -> int:
        return await ctx.run(lambda: 5).timeout(60)

    assert body.run("s").result(timeout=5) == 5


def test_a_loser_that_ends_while_the_result_is_written_does_not_hold_it_up(
    durable: Durable, monkeypatch: pytest.MonkeyPatch
) -> None:
    over, recorded = threading.Event(), threading.Event()
    kind: Any = type(durable.store)
    fulfil, checkpoint = kind.fulfil, kind.checkpoint

    def fulfil_late(*args: Any, **kwargs: Any) -> Any:
        over.set()
        recorded.wait(0.3)
        return fulfil(*args, **kwargs)

    def checkpoint_seen(*args: Any, **kwargs: Any) -> Any:
        answer = checkpoint(*args, **kwargs)
        if over.is_set():
            recorded.set()
        return answer

    monkeypatch.setattr(kind, "fulfil", fulfil_late)
    monkeypatch.setattr(kind, "checkpoint", checkpoint_seen)

    @durable.register
    def body(ctx: Context) -> str:
        return str(ctx.select(slow=ctx.run(over.wait, 5), quick=ctx.run(lambda: "here")).get()[1])

    handle = body.run("s")
    assert handle.result(timeout=5) == "here"
    assert handle.promise().attempt == 1
