"""Bodies: one behaviour in three styles, with every kind of child."""

from __future__ import annotations

import asyncio
import functools
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from durable_celery import (
    Context,
    Durable,
    Function,
    NotAnOperation,
    NotSerializable,
    OperationNotAwaited,
    PayloadTooLarge,
)

#: A program: given ctx, it yields operations and returns a value.
Program = Callable[[Context], Iterator[Any]]


def as_generator(program: Program) -> Callable[[Context], Any]:
    def body(ctx: Context) -> Any:
        return (yield from program(ctx))

    return body


def as_coroutine(program: Program) -> Callable[[Context], Any]:
    async def body(ctx: Context) -> Any:
        steps = program(ctx)
        step = functools.partial(steps.send, None)
        while True:
            try:
                op = step()
            except StopIteration as stop:
                return stop.value
            try:
                step = functools.partial(steps.send, await op)
            except Exception as error:
                step = functools.partial(steps.throw, error)

    return body


def as_plain(program: Program) -> Callable[[Context], Any]:
    def body(ctx: Context) -> Any:
        steps = program(ctx)
        step = functools.partial(steps.send, None)
        while True:
            try:
                op = step()
            except StopIteration as stop:
                return stop.value
            try:
                step = functools.partial(steps.send, op.get())
            except Exception as error:
                step = functools.partial(steps.throw, error)

    return body


@pytest.fixture(params=[as_generator, as_coroutine, as_plain], ids=["generator", "async", "plain"])
def write(request: pytest.FixtureRequest, durable: Durable) -> Callable[[Program], Function[..., Any]]:
    return lambda program: durable.register(request.param(program), name=program.__name__)


Write = Callable[[Program], Function[..., Any]]


def double(n: int) -> int:
    return n * 2


async def triple(n: int) -> int:
    await asyncio.sleep(0)
    return n * 3


def with_context(ctx: Context, n: int) -> list[object]:
    return [ctx.id, n]


def test_steps_may_be_plain_or_async_or_take_a_ctx(write: Write) -> None:
    def program(ctx: Context) -> Iterator[Any]:
        a = yield ctx.run(double, 2)
        b = yield ctx.lfc(triple, 2)
        c = yield ctx.run(with_context, 5)
        return [a, b, c]

    assert write(program).call("s-1") == [4, 6, ["s-1.3", 5]]


def test_begun_children_run_in_parallel_and_are_waited_for_later(write: Write) -> None:
    meet = threading.Barrier(3, timeout=5)

    def together(n: int) -> int:
        meet.wait()
        return n

    def program(ctx: Context) -> Iterator[Any]:
        begun = [ctx.begin_run(together, n) for n in range(3)]
        values = []
        for op in begun:
            values.append((yield op))
        return values

    assert write(program).call("p-1") == [0, 1, 2]


def test_remote_children_and_gather(write: Write, durable: Durable) -> None:
    @durable.register
    def child(ctx: Context, n: int) -> int:
        return n + 1

    def program(ctx: Context) -> Iterator[Any]:
        one = yield ctx.rpc(child, 1)
        begun = ctx.begin_rpc("child", 2)
        many = yield ctx.gather(*[ctx.rpc(child, n) for n in range(5)], ctx.run(double, 4))
        return [one, (yield begun), many]

    assert write(program).call("r-1") == [2, 3, [1, 2, 3, 4, 5, 8]]


def test_gather_fails_fast_or_collects_as_told(write: Write) -> None:
    def bad() -> None:
        raise ValueError("no")

    def program(ctx: Context) -> Iterator[Any]:
        collected = yield ctx.gather(ctx.run(double, 1), ctx.run(bad), return_exceptions=True)
        try:
            yield ctx.gather(ctx.run(bad), ctx.promise())
        except ValueError as error:
            return [collected[0], type(collected[1]).__name__, str(error)]

    assert write(program).call("g-1") == [2, "ValueError", "no"]


def test_a_detached_child_lives_on_its_own(write: Write, durable: Durable) -> None:
    @durable.register
    def child(ctx: Context) -> str:
        return "alive"

    def program(ctx: Context) -> Iterator[Any]:
        return (yield ctx.detached(child))

    child_id = write(program).call("d-1")
    assert child_id == "d-1.1"
    assert durable.get(child_id).result(timeout=5) == "alive"


def test_timers_and_promises_suspend_and_resume(write: Write, durable: Durable) -> None:
    def program(ctx: Context) -> Iterator[Any]:
        yield ctx.sleep(0.01)
        yield ctx.sleep_until(datetime.now(UTC) - timedelta(days=1))
        approval = ctx.promise()
        return (yield approval)

    handle = write(program).run("t-1")
    while handle.status != "suspended":
        threading.Event().wait(0.01)
    durable.promises.resolve("t-1.3", {"yes": True})
    assert handle.result(timeout=5) == {"yes": True}
    assert handle.promise().attempt == 2


def test_values_are_made_once(write: Write) -> None:
    seen: list[list[Any]] = []

    def program(ctx: Context) -> Iterator[Any]:
        values = []
        for op in (ctx.time(), ctx.now(), ctx.random(), ctx.uuid()):
            values.append((yield op))
        seen.append(values)
        yield ctx.sleep(1.1)
        return None

    write(program).call("v-1")
    assert len(seen) == 2
    assert seen[0] == seen[1]
    assert isinstance(seen[0][3], uuid.UUID)


def test_an_operation_never_waited_for_is_named_with_its_line(write: Write) -> None:
    def program(ctx: Context) -> Iterator[Any]:
        ctx.run(double, 1)
        yield ctx.run(double, 2)
        return None

    with pytest.raises(OperationNotAwaited, match=r"ctx\.run\(double\), made at .*test_bodies\.py:\d+"):
        write(program).call("n-1")


def test_waiting_for_anything_else_says_to_put_it_in_a_step(durable: Durable) -> None:
    @durable.register
    def yields(ctx: Context) -> Iterator[Any]:
        yield 5

    @durable.register
    async def awaits(ctx: Context) -> None:
        await asyncio.sleep(1)

    for body in (yields, awaits):
        with pytest.raises(NotAnOperation, match="put it in a step"):
            body.call(f"w-{body.name}")


def test_what_has_no_json_form_settles_the_execution_naming_step_and_type(write: Write) -> None:
    calls: list[int] = []

    def opaque() -> object:
        calls.append(1)
        return {"a": [object()]}

    def program(ctx: Context) -> Iterator[Any]:
        return (yield ctx.run(opaque))

    body = write(program)
    for _ in range(2):
        with pytest.raises(NotSerializable, match=r"'opaque'.*\.a\[0\].*object"):
            body.call("j-1")
    assert calls == [1]


def test_arguments_without_a_json_form_are_refused_at_the_start(durable: Durable) -> None:
    @durable.register
    def body(ctx: Context, value: object) -> object:
        return value

    with pytest.raises(NotSerializable, match="'body'"):
        body.run("j-2", object())


def test_what_is_too_large_has_its_own_error(durable: Durable) -> None:
    @durable.register
    def body(ctx: Context) -> str:
        return ctx.run(lambda: "x" * (1024 * 1024 + 1)).get()

    with pytest.raises(PayloadTooLarge, match="durable_max_payload"):
        body.call("l-1")


def test_bodies_nest_and_children_are_numbered_by_position(write: Write) -> None:
    def inner(ctx: Context, n: int) -> Iterator[Any]:
        return (yield ctx.run(double, n))

    def program(ctx: Context) -> Iterator[Any]:
        first = yield ctx.run(inner, 1)
        return [first, (yield ctx.run(inner, 2))]

    handle = write(program).run("i-1")
    assert handle.result(timeout=5) == [2, 4]
    assert [step.id for step in handle.steps()] == ["i-1.1", "i-1.1.1", "i-1.2", "i-1.2.1"]


def test_resonates_shape_of_begun_children(durable: Durable) -> None:
    @durable.register
    def body(ctx: Context) -> Iterator[Any]:
        promise = yield ctx.lfi(double, 4)  # yielding the call gives the promise
        kept = ctx.lfi(double, 5)
        return [(yield promise), (yield kept)]

    assert body.call("y-1") == [8, 10]


def test_a_promise_exists_as_soon_as_its_id_can_be_handed_out(durable: Durable) -> None:
    @durable.register
    def body(ctx: Context) -> str:
        asked = ctx.promise()
        durable.promises.resolve(asked.id, "at once")
        return asked.get()

    assert body.run("p").result(timeout=5) == "at once"
