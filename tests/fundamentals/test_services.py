"""Services: handlers by name, what goes in and out of them, and calls between them."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict

import pytest

import durable_celery as restate
from durable_celery import (
    Cancelled,
    Context,
    DeadlockError,
    Durable,
    DurableError,
    IdConflict,
    InvalidName,
    InvalidValue,
    PromiseNotFound,
    RetryableError,
    RunOptions,
    Service,
    TerminalError,
)
from durable_celery.handler import handler_of
from durable_celery.serde import BytesSerde, Serde
from tests.fundamentals.styles import Style
from tests.fundamentals.test_every_style import until

Steps = Generator[Any, Any, Any]


class Line(TypedDict):
    item: str
    amount: int


@dataclass
class Order:
    customer: str
    lines: list[Line]


class Rot13(Serde[str]):
    """A serde of one's own."""

    def serialize(self, obj: str | None) -> bytes:
        return (obj or "").translate(_ROT).encode()

    def deserialize(self, buf: bytes) -> str:
        return buf.decode().translate(_ROT)


_ROT = {ord(a): b for a, b in zip("abcdefghijklmnopqrstuvwxyz", "nopqrstuvwxyzabcdefghijklm", strict=True)}


def bound(durable: Durable, *services: Any) -> Any:
    """The services on this Durable, and a client of them."""
    durable.bind(*services)
    return durable.client()


def test_a_handler_is_called_by_name_in_every_style(durable: Durable, style: Style) -> None:
    greeter = Service("Greeter")

    @greeter.handler("greet")
    @style
    def _(ctx: Context, name: str) -> Steps:
        return f"{(yield ctx.run(lambda: 'Hello'))} {name}"

    assert bound(durable, greeter).service("Greeter").greet("Ann") == "Hello Ann"


def test_argument_and_result_are_optional(durable: Durable) -> None:
    service = Service("S")

    @service.handler()
    def nothing(ctx: Context) -> None: ...

    @service.handler()
    def perhaps(ctx: Context, n: int = 7) -> int:
        return n

    client = bound(durable, service).service(service)
    assert client.nothing() is None
    assert (client.perhaps(), client.perhaps(3)) == (7, 3)


def test_values_are_converted_by_annotation_on_both_sides(durable: Durable) -> None:
    service, seen = Service("S"), []

    @service.handler()
    async def place(ctx: Context, order: Order) -> Order:
        seen.append(order)
        return Order(order.customer.upper(), order.lines)

    order = Order("ann", [{"item": "tea", "amount": 2}])
    placed = bound(durable, service).service(service).place(order)
    assert placed == Order("ANN", [{"item": "tea", "amount": 2}])
    assert seen == [order]


def test_a_value_that_does_not_fit_is_refused_with_its_path(durable: Durable) -> None:
    service = Service("S")

    @service.handler()
    def place(ctx: Context, order: Order) -> None: ...

    bound(durable, service)
    wrong = {"customer": "ann", "lines": [{"item": "tea", "amount": "two"}]}
    with pytest.raises(InvalidValue) as refused:
        handler_of(place).packed_bytes(json.dumps(wrong).encode())
    assert refused.value.path == "$.lines[0].amount"


def test_a_serde_of_ones_own(durable: Durable) -> None:
    service, seen = Service("S"), []

    @service.handler(input_serde=Rot13(), output_serde=BytesSerde())
    def turn(ctx: Context, text: str) -> bytes:
        seen.append(text)
        return text.encode() + b"\xff"

    assert bound(durable, service).service(service).turn("secret") == b"secret\xff"
    assert seen == ["secret"]


def test_handlers_call_each_other_with_values(durable: Durable, style: Style) -> None:
    service = Service("S")

    @service.handler()
    def total(ctx: Context, order: Order) -> int:
        return sum(line["amount"] for line in order.lines)

    @service.handler("twice")
    @style
    def twice(ctx: Context, order: Order) -> Steps:
        first, second = ctx.service_call(total, order), ctx.service_call(total, order)
        return (yield first) + (yield second)

    order = Order("ann", [{"item": "tea", "amount": 2}, {"item": "cup", "amount": 3}])
    assert bound(durable, service).service(service).twice(order) == 10


def test_a_call_by_name_takes_and_gives_bytes(durable: Durable) -> None:
    service = Service("S")

    @service.handler()
    def double(ctx: Context, n: int) -> int:
        return 2 * n

    @service.handler()
    async def generic(ctx: Context) -> str:
        sent = await ctx.generic_send("S", "double", b"21").invocation_id()
        return (await ctx.generic_call("S", "double", b"4")).decode() + " " + str(await ctx.attach_invocation(sent))

    assert bound(durable, service).service(service).generic() == "8 42"


def test_a_send_goes_on_by_itself_and_can_be_attached_to(durable: Durable, style: Style) -> None:
    service, gate = Service("S"), threading.Event()

    @service.handler()
    def slow(ctx: Context, n: int) -> int:
        gate.wait(10)
        return n + 1

    @service.handler("start")
    @style
    def start(ctx: Context) -> Steps:
        return (yield ctx.service_send(slow, 1).invocation_id())

    @service.handler("wait")
    @style
    def wait(ctx: Context, invocation_id: str) -> Steps:
        return (yield ctx.attach_invocation(invocation_id))

    client = bound(durable, service).service(service)
    invocation_id = client.start()
    waiting = client.wait.send(invocation_id)
    gate.set()
    assert waiting.result(10) == 2


def test_how_it_was_called(durable: Durable) -> None:
    service = Service("S", tags={"team": "shop"})

    @service.handler(input_serde=Rot13())
    async def h(ctx: Context, text: str) -> list[Any]:
        request = ctx.request()
        return [request.id == ctx.id, request.attempt, dict(request.headers), request.body.decode()]

    assert bound(durable, service).service(service).h("abc") == [True, 1, {"team": "shop"}, "nop"]

    @durable.register
    def plain(ctx: Context, n: int) -> str:
        return ctx.request().body.decode()

    assert plain.call("p", 5) == "5"


def test_attaching_to_what_does_not_exist(durable: Durable) -> None:
    service = Service("S")

    @service.handler()
    async def wait(ctx: Context) -> str:
        try:
            await ctx.attach_invocation("nobody")
        except PromiseNotFound as error:
            return error.promise_id
        return "somebody"

    assert bound(durable, service).service(service).wait() == "nobody"


def test_waiting_for_oneself_or_a_caller_is_refused(durable: Durable) -> None:
    service = Service("S")

    @service.handler()
    async def child(ctx: Context, whom: str) -> None:
        await ctx.attach_invocation(whom)

    @service.handler()
    async def parent(ctx: Context) -> str:
        for whom in (ctx.id, f"{ctx.id}.1"):
            try:
                await ctx.service_call(child, whom)
            except DeadlockError:
                continue
            return "it waits for ever"
        return "refused"

    assert bound(durable, service).service(service).parent() == "refused"


def test_a_handler_goes_on_with_a_new_history(durable: Durable) -> None:
    service = Service("S")

    @service.handler()
    async def drain(ctx: Context, order: Order) -> Any:
        if order.lines:
            return ctx.continue_as(Order(order.customer + "!", order.lines[1:]))
        return order.customer

    order = Order("ann", [{"item": "tea", "amount": 2}] * 3)
    assert bound(durable, service).service(service).drain(order) == "ann!!!"


def test_a_send_with_a_delay_waits(durable: Durable) -> None:
    service, done = Service("S"), threading.Event()

    @service.handler()
    def later(ctx: Context) -> None:
        done.set()

    @service.handler()
    def start(ctx: Context) -> str:
        return str(ctx.service_send(later, send_delay=timedelta(seconds=0.4)).get())

    client = bound(durable, service)
    invocation_id = client.service(service).start()
    assert not done.is_set()
    assert durable.promises.get(invocation_id).not_before_at is not None
    assert done.wait(10)


def test_an_idempotency_key_makes_calls_share_one_invocation(durable: Durable) -> None:
    service, calls = Service("S"), []

    @service.handler()
    def charge(ctx: Context, amount: int) -> str:
        calls.append(amount)
        return ctx.id

    @service.handler()
    async def checkout(ctx: Context) -> str:
        return str(await ctx.service_call(charge, 5, idempotency_key="order-1"))

    client = bound(durable, service).service(service)
    first = client.charge.send(5, idempotency_key="order-1")
    assert client.checkout() == first.result(5) == first.id
    assert calls == [5]
    with pytest.raises(IdConflict):
        client.charge.send(6, idempotency_key="order-1")


def test_an_invocation_is_cancelled_by_another(durable: Durable) -> None:
    service = Service("S")

    @service.handler()
    async def sleeper(ctx: Context) -> None:
        await ctx.sleep(3600)

    @service.handler()
    async def stop(ctx: Context) -> str:
        sent = ctx.service_send(sleeper)
        await ctx.cancel_invocation(await sent.invocation_id())
        return str(await sent)

    stopped = bound(durable, service).service(service).stop()
    until(lambda: durable.get(stopped).status == "cancelled", "the cancellation")


def test_a_call_has_an_id_and_can_be_taken_back(durable: Durable) -> None:
    service = Service("S")

    @service.handler()
    async def sleeper(ctx: Context) -> None:
        await ctx.sleep(3600)

    @service.handler()
    async def stop(ctx: Context) -> str:
        call = ctx.service_call(sleeper)
        invocation_id = await call.invocation_id()
        await call.cancel_invocation()
        try:
            await call
        except Cancelled as error:
            return str(error.promise_id == invocation_id == f"{ctx.id}.1")
        return "it ended"

    assert bound(durable, service).service(service).stop() == "True"


def test_errors_reach_the_caller(durable: Durable, style: Style) -> None:
    service = Service("S")

    @service.handler()
    def refuse(ctx: Context) -> None:
        raise TerminalError("sold out", status_code=409)

    @service.handler("order")
    @style
    def order(ctx: Context) -> Steps:
        try:
            yield ctx.service_call(refuse)
        except TerminalError as error:
            return f"{error} {error.status_code}"

    client = bound(durable, service).service(service)
    assert client.order() == "sold out 409"
    with pytest.raises(TerminalError, match="sold out"):
        client.refuse()


class TestSteps:
    def test_a_step_with_a_name(self, durable: Durable, style: Style) -> None:
        service = Service("S")

        @service.handler("h")
        @style
        def _(ctx: Context, n: int) -> Steps:
            first = yield ctx.run("double it", lambda: 2 * n)
            return (yield ctx.run_typed("add", lambda a, b=0: a + b, RunOptions(), first, b=1))

        sent = bound(durable, service).service("S").h.send(4)
        assert sent.result(5) == 9
        assert [step.name for step in durable.get(sent.id).steps()] == ["double it", "add"]

    def test_its_result_is_kept_by_its_serde_and_type(self, durable: Durable) -> None:
        service = Service("S")

        @service.handler()
        async def h(ctx: Context) -> str:
            order = await ctx.run_typed("load", lambda: Order("ann", []), RunOptions(type_hint=Order))
            return order.customer + await ctx.run("turn", lambda: "abc", serde=Rot13())

        assert bound(durable, service).service(service).h() == "annabc"

    def test_it_is_tried_as_often_as_its_options_say(self, durable: Durable) -> None:
        service, tries = Service("S"), []

        def flaky() -> None:
            tries.append(1)
            raise RetryableError("busy", status_code=503, retry_after=0.01)

        @service.handler()
        async def h(ctx: Context) -> str:
            try:
                await ctx.run_typed("call", flaky, RunOptions(max_attempts=3))
            except RetryableError as error:
                return f"{error} {error.status_code}"
            return "never"

        assert bound(durable, service).service(service).h() == "busy 503"
        assert len(tries) == 3

    def test_no_longer_than_its_options_say(self, durable: Durable) -> None:
        service, tries = Service("S"), []

        def broken() -> None:
            tries.append(1)
            raise OSError("down")

        @service.handler()
        async def h(ctx: Context) -> str:
            options = RunOptions(max_duration=0.4, initial_retry_interval=0.05, retry_interval_factor=3)
            try:
                await ctx.run_typed("call", broken, options)
            except OSError:
                return "gave up"
            return "never"

        assert bound(durable, service).service(service).h() == "gave up"
        assert len(tries) == 3


class TestCombining:
    def test_gather_gives_the_operations(self, durable: Durable) -> None:
        service = Service("S")

        @service.handler()
        def half(ctx: Context, n: int) -> int:
            if n % 2:
                raise TerminalError("odd")
            return n // 2

        @service.handler()
        async def all_of_them(ctx: Context) -> list[Any]:
            found: list[Any] = []
            for op in await restate.gather(*[ctx.service_call(half, n) for n in (4, 5, 6)]):
                try:
                    found.append(await op)
                except TerminalError as error:
                    found.append(str(error))
            return found

        assert bound(durable, service).service(service).all_of_them() == [2, "odd", 3]

    def test_select_and_wait_completed_and_as_completed(self, durable: Durable) -> None:
        service = Service("S")

        @service.handler()
        async def race(ctx: Context) -> list[Any]:
            never, quick, slow = ctx.promise(), ctx.run(lambda: "quick"), ctx.sleep(0.05)
            match await restate.select(never=never, quick=quick):
                case ["quick", value]:
                    found = [value]
                case other:
                    return [other]
            ended, left = await restate.wait_completed(never, quick)
            found += [ended == [quick], left == [never]]
            async for op in restate.as_completed(slow, quick):
                found.append(op is quick)
            return found

        assert bound(durable, service).service(service).race() == ["quick", True, True, True, False]

    def test_as_completed_in_a_plain_body_and_in_replay(self, durable: Durable) -> None:
        service = Service("S")

        @service.handler()
        def plain(ctx: Context) -> list[str]:
            order = [str(op.get()) for op in restate.as_completed(ctx.sleep(0.1), ctx.run(lambda: "first"))]
            ctx.sleep(1.1).get()  # suspends: everything above is replayed
            return order

        assert bound(durable, service).service(service).plain() == ["first", "None"]

    def test_nothing_to_combine(self) -> None:
        with pytest.raises(TypeError, match="at least one"):
            restate.gather()


class TestDefinitions:
    def test_one_argument_at_most(self) -> None:
        with pytest.raises(TypeError, match="at most one argument"):
            Service("S").handler()(lambda ctx, a, b: None)

    def test_a_name_once(self, durable: Durable) -> None:
        service = Service("S")
        service.handler("h")(lambda ctx: None)
        with pytest.raises(InvalidName, match="already"):
            service.handler("h")(lambda ctx: None)
        durable.bind(service)
        durable.bind(service)
        with pytest.raises(InvalidName, match="bound already"):
            durable.bind(Service("S"))

    def test_an_annotation_that_nobody_can_check_says_what_to_do(self) -> None:
        def handler(ctx: Context, lock: threading.Event) -> None: ...

        with pytest.raises(TypeError, match="Serde"):
            Service("S").handler()(handler)

    def test_calling_what_is_no_handler(self, durable: Durable) -> None:
        service = Service("S")

        @service.handler()
        def h(ctx: Context) -> None:
            ctx.service_call(print).get()

        with pytest.raises(DurableError, match="is no handler"):
            bound(durable, service).service(service).h()

    def test_the_wrong_kind_of_call(self, durable: Durable) -> None:
        service = Service("S")

        @service.handler()
        def h(ctx: Context) -> None:
            ctx.object_call(h, "key").get()

        with pytest.raises(TypeError, match="another kind: service, not object"):
            bound(durable, service).service(service).h()
