"""Every feature of a body, in all three styles, with promises in memory and in Redis."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from durable_celery import Context, Durable, Handle, RetryLater, RetryPolicy, State
from tests.fundamentals.styles import Style

WAIT_S = 20


def until(there: Callable[[], Any], what: str) -> None:
    """Look until it is so."""
    end = time.monotonic() + WAIT_S
    while not there():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.002)


def suspended(handle: Handle[Any]) -> None:
    until(lambda: handle.status == "suspended", f"{handle.id} to be suspended")


# Races


def test_select_gives_the_first_and_a_replay_chooses_the_same(durable: Durable, style: Style) -> None:
    @durable.register
    @style
    def body(ctx: Context) -> Any:
        slow = ctx.promise()
        name, value = yield ctx.select(slow=slow, quick=ctx.run(lambda: "here"), late=ctx.sleep(60))
        return [name, value, (yield slow)]

    handle = body.run("s")
    suspended(handle)
    durable.promises.resolve("s.1", "settled, and yet not chosen")
    assert handle.result(timeout=WAIT_S) == ["quick", "here", "settled, and yet not chosen"]
    assert handle.promise().attempt == 2


def test_select_raises_the_error_of_the_first(durable: Durable, style: Style) -> None:
    def bad() -> None:
        raise KeyError("lost")

    @durable.register
    @style
    def body(ctx: Context) -> Any:
        try:
            yield ctx.select(bad=ctx.run(bad), later=ctx.sleep(60))
        except KeyError as error:
            return list(error.args)

    assert body.run("s").result(timeout=WAIT_S) == ["lost"]


def test_as_completed_gives_values_in_the_order_of_their_arrival(durable: Durable, style: Style) -> None:
    @durable.register
    @style
    def body(ctx: Context) -> Any:
        seen = []
        for turn in ctx.as_completed(*(ctx.promise() for _ in range(3))):
            seen.append((yield turn))
            yield ctx.run(lambda: None)
        return seen

    handle = body.run("a")
    for number in (3, 1, 2):
        suspended(handle)
        before = handle.promise().attempt
        durable.promises.resolve(f"a.{number}", number)
        until(lambda before=before: handle.done() or handle.promise().attempt > before, "the next turn")
    assert handle.result(timeout=WAIT_S) == [3, 1, 2]


def test_a_timeout_raises_inside_the_body_and_again_in_every_replay(durable: Durable, style: Style) -> None:
    @durable.register
    @style
    def body(ctx: Context) -> Any:
        asked = ctx.promise()
        try:
            answer = yield asked.timeout(0.02)
        except TimeoutError:
            answer = "nobody answered"
        inside = yield ctx.run(lambda: 5).timeout(60)
        return [answer, inside, (yield asked)]

    handle = body.run("t")
    suspended(handle)
    durable.promises.resolve("t.1", "too late")
    assert handle.result(timeout=WAIT_S) == ["nobody answered", 5, "too late"]


# Failure: sagas and retries


def test_a_saga_undoes_in_reverse_and_goes_on_after_a_suspension(durable: Durable, style: Style) -> None:
    lines: list[str] = []

    def do(what: str) -> str:
        lines.append(f"do {what}")
        return what

    def undo(what: str) -> None:
        lines.append(f"undo {what}")

    @durable.register
    @style
    def order(ctx: Context) -> Any:
        saga = ctx.saga()
        yield saga.run(do, "reserve").compensate(undo)
        yield saga.run(do, "charge").compensate(undo, what="the charge")
        yield ctx.promise()

    handle = order.run("o")
    suspended(handle)
    durable.promises.reject("o.3", "out of stock")
    with pytest.raises(Exception, match="out of stock"):
        handle.result(timeout=WAIT_S)
    assert lines == ["do reserve", "do charge", "undo the charge", "undo reserve"]


def test_a_long_wait_between_tries_frees_the_worker(durable: Durable, style: Style) -> None:
    tries: Counter[str] = Counter()

    def flaky() -> int:
        tries["flaky"] += 1
        if tries["flaky"] == 1:
            raise ConnectionError("no route")
        return tries["flaky"]

    @durable.register
    @style
    def body(ctx: Context) -> Any:
        before = yield ctx.run(tries.update, ["before"])
        return [before, (yield ctx.run(flaky).options(retry=RetryPolicy(max_attempts=2, initial=1.1)))]

    handle = body.run("r")
    suspended(handle)
    [_, step] = handle.steps()
    assert (step.tries, step.state, step.error) == (1, State.PENDING, "builtins.ConnectionError: no route")
    assert handle.result(timeout=WAIT_S) == [None, 2]
    assert tries == {"before": 1, "flaky": 2}


def test_a_step_says_itself_when_to_try_again(durable: Durable, style: Style) -> None:
    seen: list[float] = []

    def busy() -> int:
        seen.append(time.monotonic())
        if len(seen) == 1:
            raise RetryLater(1.1, "busy")
        return len(seen)

    @durable.register
    @style
    def body(ctx: Context) -> Any:
        return (yield ctx.run(busy).options(retry=RetryPolicy(max_attempts=2, initial=3600)))

    assert body.run("r").result(timeout=WAIT_S) == 2
    assert seen[1] - seen[0] >= 1


# Code that changes


def test_a_gate_keeps_running_executions_on_their_way(durable: Durable, style: Style) -> None:
    code = {"gate": False}

    @durable.register
    @style
    def body(ctx: Context) -> Any:
        way = (yield ctx.version("faster")) if code["gate"] else 0
        yield ctx.run(lambda: None)
        return [way, (yield ctx.promise())]

    before = body.run("before")
    suspended(before)
    code["gate"] = True
    after = body.run("after")
    suspended(after)
    for name in ("before", "after"):
        durable.promises.resolve(f"{name}.2", "go")
    assert before.result(timeout=WAIT_S) == [0, "go"]
    assert after.result(timeout=WAIT_S) == [1, "go"]


def test_dependencies_are_given_by_name(durable: Durable, style: Style) -> None:
    durable.set_dependency("mailer", ["outbox"])

    @durable.register
    @style
    def body(ctx: Context) -> Any:
        mailer = ctx.get_dependency("mailer")
        return (yield ctx.run(lambda: [*mailer, ctx.get_dependency("printer", None)]))

    assert body.run("d").result(timeout=WAIT_S) == ["outbox", None]


# Children


def test_two_parents_share_the_child_of_one_id(durable: Durable, style: Style) -> None:
    calls: list[str] = []

    @durable.register
    @style
    def rate(ctx: Context, currency: str) -> Any:
        yield ctx.run(calls.append, currency)
        return currency * 2

    @durable.register
    @style
    def parent(ctx: Context) -> Any:
        return (yield ctx.rpc(rate, "EUR").options(id="rate-EUR"))

    handles = [parent.run(f"p-{number}") for number in range(3)]
    assert [handle.result(timeout=WAIT_S) for handle in handles] == ["EUREUR"] * 3
    assert calls == ["EUR"]
    assert durable.get("rate-EUR").result(timeout=WAIT_S) == "EUREUR"


def test_recursive_fibonacci_by_id_is_linear(durable: Durable, style: Style) -> None:
    added: Counter[int] = Counter()

    @durable.register
    @style
    def fib(ctx: Context, n: int) -> Any:
        if n < 2:
            return n
        left = ctx.begin_rpc(fib, n - 1).options(id=f"fib-{n - 1}")
        right = ctx.begin_rpc(fib, n - 2).options(id=f"fib-{n - 2}")
        values = yield ctx.gather(left, right)
        yield ctx.run(added.update, [n])
        return sum(values)

    assert fib.run("fib-15", 15).result(timeout=WAIT_S) == 610
    assert added == dict.fromkeys(range(2, 16), 1)


def test_children_not_waited_for_are_joined_and_detached_ones_are_not(durable: Durable, style: Style) -> None:
    go = threading.Event()
    done: list[str] = []

    @durable.register
    @style
    def child(ctx: Context, name: str) -> Any:
        assert (yield ctx.run(go.wait, WAIT_S))
        yield ctx.run(done.append, name)

    @durable.register
    @style
    def joins(ctx: Context) -> Any:
        ctx.begin_rpc(child, "remote")
        ctx.begin_run(lambda: go.wait(WAIT_S) and done.append("local"))
        return "end"
        yield

    @durable.register
    @style
    def leaves(ctx: Context) -> Any:
        return (yield ctx.detached(child, "detached"))

    detached = durable.get(leaves.run("leaves").result(timeout=WAIT_S))
    joined = joins.run("joins")
    until(lambda: any(step.kind == "rpc" for step in joined.steps()), "the children to be begun")
    assert not detached.done()
    assert not joined.done()
    go.set()
    assert joined.result(timeout=WAIT_S) == "end"
    assert {"remote", "local"} <= set(done)
    detached.result(timeout=WAIT_S)


def test_local_children_block_in_parallel_threads(durable: Durable, style: Style) -> None:
    together = threading.Barrier(3, timeout=WAIT_S)

    def blocks() -> int:
        together.wait()
        return threading.get_ident()

    @durable.register
    @style
    def body(ctx: Context) -> Any:
        begun = [ctx.begin_run(blocks) for _ in range(3)]
        idents = []
        for each in begun:
            idents.append((yield each))
        return len(set(idents))

    assert body.run("b").result(timeout=WAIT_S) == 3
