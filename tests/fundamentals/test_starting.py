"""Start by id, look, wait: the same id never runs twice."""

from __future__ import annotations

import asyncio
import threading

import pytest

from durable_celery import (
    Cancelled,
    Context,
    Durable,
    Expired,
    IdConflict,
    InvalidId,
    PromiseNotFound,
    RetryPolicy,
    TimedOut,
    TooManyExecutions,
)
from durable_celery.clock import ManualClock
from durable_celery.settings import Settings
from durable_celery.stores import LocalStore


def test_a_function_is_started_by_id_and_waited_for(durable: Durable) -> None:
    @durable.register
    def greet(ctx: Context, name: str) -> str:
        return f"hello {name}"

    handle = greet.run("greet-1", "ada")
    assert handle.result(timeout=5) == "hello ada"
    assert (handle.state, handle.status, handle.function) == ("resolved", "succeeded", "greet")
    assert greet.call("greet-1", "ada") == durable.call("greet-1", "greet", "ada") == "hello ada"


def test_the_same_id_attaches_while_running_and_answers_after(durable: Durable) -> None:
    go, calls = threading.Event(), []

    def slow() -> int:
        calls.append(1)
        assert go.wait(5)
        return 7

    @durable.register
    def body(ctx: Context) -> int:
        return ctx.run(slow).get()

    first, second = body.run("once"), body.run("once")
    assert (first.created, second.created) == (True, False)
    go.set()
    assert first.result(timeout=5) == second.result(timeout=5) == body.run("once").result(timeout=5) == 7
    assert calls == [1]


def test_another_function_or_other_arguments_are_a_conflict_that_tells_nothing(durable: Durable) -> None:
    @durable.register
    def pay(ctx: Context, card: str) -> str:
        return card

    @durable.register
    def ship(ctx: Context, card: str) -> str:
        return card

    assert pay.call("p-1", "4242") == "4242"
    for attempt in (lambda: pay.run("p-1", "1111"), lambda: ship.run("p-1", "4242")):
        with pytest.raises(IdConflict) as caught:
            attempt()
        assert "4242" not in str(caught.value)


@pytest.mark.parametrize("bad", ["", "a b", "x.1", "é", "-a", "a" * 129, "a/b", 5, None])
def test_an_illegal_id_is_refused_with_its_rule(durable: Durable, bad: object) -> None:
    body = durable.register(_one)
    with pytest.raises(InvalidId):
        body.run(bad)


def _one(ctx: Context) -> int:
    return 1


def test_an_unknown_id_is_not_found(durable: Durable) -> None:
    with pytest.raises(PromiseNotFound, match="nobody"):
        durable.get("nobody")


def test_any_text_has_a_legal_id(durable: Durable) -> None:
    url = "https://example.org/a?b=c d"
    assert durable.id_for(url) == Durable.id_for(url)
    durable.register(_one).call(durable.id_for(url))


def test_errors_come_back_with_type_and_arguments(durable: Durable) -> None:
    @durable.register
    def body(ctx: Context) -> None:
        raise KeyError("lost", 3)

    for _ in range(2):
        with pytest.raises(KeyError) as caught:
            body.call("e-1")
        assert caught.value.args == ("lost", 3)


def test_a_handle_can_be_awaited_without_blocking_the_loop(durable: Durable) -> None:
    body = durable.register(_one)

    async def main() -> tuple[int, int]:
        ticks = 0
        handle = body.run("a-1")

        async def tick() -> None:
            nonlocal ticks
            ticks += 1

        value, _ = await asyncio.gather(handle.wait(timeout=5), tick())
        assert await handle == value
        return value, ticks

    assert asyncio.run(main()) == (1, 1)


def test_waiting_has_an_end_and_a_cancelled_one_says_so(durable: Durable) -> None:
    @durable.register
    def body(ctx: Context) -> None:
        ctx.promise().get()

    handle = body.run("c-1")
    with pytest.raises(TimeoutError):
        handle.result(timeout=0.1)
    with pytest.raises(TimeoutError, match="not settled in the time given"):
        asyncio.run(asyncio.wait_for(handle.wait(timeout=0.1), 30))
    handle.cancel()
    with pytest.raises(Cancelled):
        handle.result(timeout=5)
    assert handle.status == "cancelled"


def test_a_deadline_settles_the_execution(durable: Durable) -> None:
    @durable.register(timeout=0.2)
    def body(ctx: Context) -> None:
        ctx.promise().get()

    with pytest.raises(TimedOut):
        body.run("d-1").result(timeout=5)


def test_a_handle_is_not_the_value_and_says_so(durable: Durable) -> None:
    handle = durable.register(_one).run("h-1")
    for use in (lambda: handle + 1, lambda: int(handle), lambda: list(handle), lambda: handle[0]):
        with pytest.raises(TypeError, match=r"\.result\(\)"):
            use()


def test_a_delayed_start_begins_by_itself_when_it_is_due(durable: Durable) -> None:
    handle = durable.register(_one).options(delay=0.1).run("later-1")
    assert handle.status == "queued"
    assert handle.result(timeout=10) == 1


def test_arguments_that_do_not_fit_are_refused_at_the_start(durable: Durable) -> None:
    with pytest.raises(TypeError):
        durable.register(_one).run("x-1", "too", "many")


def test_the_options_of_a_function_hold_where_it_is_called_in_a_body(durable: Durable) -> None:
    tries: list[int] = []

    @durable.register
    def shaky(ctx: Context) -> str:
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError
        return "at last"

    @durable.register
    def steady(ctx: Context) -> str:
        return "steady"

    @durable.register
    def body(ctx: Context) -> list[str]:
        policy = RetryPolicy(max_attempts=5, initial=0.01)
        child = ctx.begin_rpc(steady.options(queue="slow", tags={"kind": "test"}))
        return [ctx.run(shaky.options(retry=policy)).get(), child.get()]

    assert body.run("o").result(timeout=5) == ["at last", "steady"]
    assert durable.get("o.1").promise().queue == "slow"
    with pytest.raises(TypeError, match="registration"):
        shaky.options(retry=RetryPolicy()).run("r")


@pytest.mark.parametrize(("tombstones_ms", "burnt_s"), [(None, 60), (5_000, 5), (0, 0)])
def test_an_id_is_burnt_for_a_while_after_its_retention(tombstones_ms: int | None, burnt_s: int) -> None:
    clock = ManualClock()
    durable = Durable(store=LocalStore(clock))
    durable.settings = Settings(tombstones_ms=tombstones_ms)
    body = durable.register(name="body")(lambda ctx: "done").options(retention=60)
    handle = body.run("once")
    handle.result(timeout=5)
    clock.advance(ms=60_000)

    if burnt_s:
        clock.advance(ms=burnt_s * 1000 - 1)
        for use in (lambda: body.run("once"), lambda: durable.get("once"), handle.result):
            with pytest.raises(Expired, match="'once' is over for longer than its result is kept"):
                use()
        clock.advance(ms=1)

    assert body.run("once").created
    durable.close()


def test_more_than_may_be_pending_are_refused_and_who_attaches_is_not(durable: Durable) -> None:
    @durable.register
    def ask(ctx: Context) -> object:
        return ctx.promise().get()

    few = ask.options(max_pending=2)
    first, _ = few.run("a"), few.run("b")
    with pytest.raises(TooManyExecutions, match="2 executions of 'ask' are pending already"):
        few.run("c")
    assert not few.run("a").created
    first.cancel(grace=0)
    assert few.run("c").created
