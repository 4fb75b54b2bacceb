"""Virtual objects: one exclusive handler of a key at a time, in order, and a state that changes with the result."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import Any

import pytest

from durable_celery import (
    Cancelled,
    Context,
    DeadlockError,
    Durable,
    DurableError,
    ExecutionFailed,
    ObjectContext,
    ObjectSharedContext,
    RetryPolicy,
    Service,
    TerminalError,
    VirtualObject,
)
from tests.fundamentals.styles import Style
from tests.fundamentals.test_every_style import until
from tests.fundamentals.test_services import Line, bound

Steps = Generator[Any, Any, Any]


def test_the_state_of_a_key_in_every_style(durable: Durable, style: Style) -> None:
    counter = VirtualObject("Counter")

    @counter.handler("add")
    @style
    def _(ctx: ObjectContext, n: int) -> Steps:
        total = ((yield ctx.get("total")) or 0) + n
        ctx.set("total", total)
        return total

    client = bound(durable, counter)
    assert [client.object("Counter", "ann").add(n) for n in (1, 2, 3)] == [1, 3, 6]
    assert client.object("Counter", "bob").add(10) == 10


def test_calls_at_the_same_time_take_turns(durable: Durable) -> None:
    counter = VirtualObject("Counter")

    @counter.handler()
    async def add(ctx: ObjectContext, n: int) -> int:
        total = (await ctx.get("total") or 0) + n
        await ctx.run("look around", lambda: None)
        ctx.set("total", total)
        return total

    client = bound(durable, counter)
    sent = [client.object(counter, "ann").add.send(1) for _ in range(40)]
    assert [each.result(20) for each in sent] == list(range(1, 41)), "in order of acceptance"


def test_a_handler_that_sleeps_keeps_its_turn_and_its_state(durable: Durable, style: Style) -> None:
    order, counter = [], VirtualObject("Counter")

    @counter.handler("slow")
    @style
    def slow(ctx: ObjectContext) -> Steps:
        ctx.set("seen", "slow")
        yield ctx.sleep(1.2)
        order.append("slow")
        return (yield ctx.get("seen"))

    @counter.handler("quick")
    @style
    def quick(ctx: ObjectContext) -> Steps:
        order.append("quick")
        return (yield ctx.get("seen"))

    client = bound(durable, counter).object(counter, "ann")
    first, second = client.slow.send(), client.quick.send()
    assert (first.result(10), second.result(10)) == ("slow", "slow")
    assert order == ["slow", "quick"]


def test_other_keys_do_not_wait(durable: Durable) -> None:
    both, counter = threading.Barrier(2, timeout=10), VirtualObject("Counter")

    @counter.handler()
    def meet(ctx: ObjectContext) -> str:
        both.wait()
        return ctx.key()

    client = bound(durable, counter)
    sent = [client.object(counter, key).meet.send() for key in ("ann", "bob")]
    assert [each.result(10) for each in sent] == ["ann", "bob"]


def test_shared_handlers_run_beside_it_and_read_what_is_committed(durable: Durable) -> None:
    gate, counter = threading.Event(), VirtualObject("Counter")

    @counter.handler()
    def fill(ctx: ObjectContext, n: int) -> None:
        ctx.set("n", n)
        if n > 1:
            gate.wait(10)

    @counter.handler(kind="shared")
    async def look(ctx: ObjectSharedContext) -> list[Any]:
        return [await ctx.get("n"), await ctx.state_keys()]

    client = bound(durable, counter).object(counter, "ann")
    assert client.look() == [None, []]
    client.fill(1)
    working = client.fill.send(2)
    until(lambda: durable.get(working.id).status == "running", "the handler to be at work")
    assert client.look() == [1, ["n"]]
    gate.set()
    working.result(10)
    assert client.look() == [2, ["n"]]


def test_what_a_shared_handler_has_read_is_the_same_in_its_replay(durable: Durable) -> None:
    counter = VirtualObject("Counter")

    @counter.handler()
    def put(ctx: ObjectContext, n: int) -> None:
        ctx.set("n", n)

    @counter.handler(kind="shared")
    async def twice(ctx: ObjectSharedContext) -> list[Any]:
        before = await ctx.get("n")
        await ctx.object_call(put, ctx.key(), 2)
        return [before, await ctx.get("n")]

    client = bound(durable, counter).object(counter, "ann")
    client.put(1)
    assert client.twice() == [1, 2]


def test_a_shared_context_has_no_set(durable: Durable) -> None:
    assert not any(hasattr(ObjectSharedContext, name) for name in ("set", "clear", "clear_all"))


def test_set_clear_and_keys(durable: Durable) -> None:
    bag = VirtualObject("Bag")

    @bag.handler()
    async def fill(ctx: ObjectContext) -> list[str]:
        for name in "abc":
            ctx.set(name, name)
        ctx.clear("b")
        return await ctx.state_keys()

    @bag.handler()
    async def empty(ctx: ObjectContext) -> list[Any]:
        ctx.clear_all()
        ctx.set("d", None)
        return [await ctx.state_keys(), await ctx.get("a"), await ctx.get("d")]

    client = bound(durable, bag).object(bag, "ann")
    assert client.fill() == ["a", "c"]
    assert client.empty() == [["d"], None, None]
    assert durable.store.state("Bag/ann") == {"d": "null"}


def test_values_of_the_state_by_type(durable: Durable) -> None:
    bag = VirtualObject("Bag")

    @bag.handler()
    async def put(ctx: ObjectContext, line: Line) -> Line:
        ctx.set("line", line)
        found: Line = await ctx.get("line", type_hint=Line)
        return found

    assert bound(durable, bag).object(bag, "ann").put({"item": "tea", "amount": 1}) == {"item": "tea", "amount": 1}


def test_what_a_handler_changed_is_written_with_a_terminal_error(durable: Durable) -> None:
    account = VirtualObject("Account")

    @account.handler()
    async def withdraw(ctx: ObjectContext, n: int) -> None:
        ctx.set("refused", n)
        raise TerminalError("not enough", status_code=402)

    with pytest.raises(TerminalError, match="not enough"):
        bound(durable, account).object(account, "ann").withdraw(5)
    assert durable.store.state("Account/ann") == {"refused": "5"}


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit])
def test_nothing_of_one_that_failed_otherwise_is_written(durable: Durable, error: type[BaseException]) -> None:
    account = VirtualObject("Account")

    @account.handler()
    async def half(ctx: ObjectContext) -> None:
        ctx.set("half", "done")
        raise error("by accident")

    with pytest.raises((ZeroDivisionError, ExecutionFailed)):
        bound(durable, account).object(account, "ann").half()
    assert durable.store.state("Account/ann") == {}


def test_a_try_that_failed_leaves_nothing_to_the_next(durable: Durable) -> None:
    tries, bag = [], VirtualObject("Bag")

    @bag.handler(retry=RetryPolicy(max_attempts=2, initial=0.01))
    async def fill(ctx: ObjectContext) -> list[str]:
        tries.append(1)
        ctx.set(f"try {len(tries)}", True)
        if len(tries) == 1:
            raise OSError("busy")
        return await ctx.state_keys()

    assert bound(durable, bag).object(bag, "ann").fill() == ["try 2"]
    assert durable.store.state("Bag/ann") == {"try 2": "true"}


def test_a_handler_that_does_not_finish_what_was_cancelled_below_it_changes_nothing(durable: Durable) -> None:
    ids, account, service = [], VirtualObject("Account"), Service("Slow")

    @service.handler()
    async def slow(ctx: Context) -> None:
        ids.append(ctx.id)
        await ctx.promise()

    @account.handler()
    async def half(ctx: ObjectContext) -> None:
        ctx.set("half", "done")
        await ctx.service_call(slow)

    sent = bound(durable, account, service).object(account, "ann").half.send()
    until(lambda: ids, "the call below")
    durable.cancel(ids[0], grace=0)
    with pytest.raises(TerminalError) as raised:  # as Restate has it
        sent.result(10)
    assert isinstance(raised.value, Cancelled)
    assert durable.store.state("Account/ann") == {}


def test_a_default_for_what_is_not_there(durable: Durable) -> None:
    bag = VirtualObject("Bag")

    @bag.handler()
    async def fill(ctx: ObjectContext) -> int:
        count: int = await ctx.get("n", type_hint=int, default=0)
        ctx.set("n", count + 1)
        return count + 1

    @bag.handler(kind="shared")
    async def look(ctx: ObjectSharedContext) -> list[Any]:
        return [await ctx.get("n", type_hint=int), await ctx.get("m", type_hint=int, default=7), await ctx.get("m")]

    client = bound(durable, bag).object(bag, "ann")
    assert (client.fill(), client.fill()) == (1, 2)
    assert client.look() == [2, 7, None]


def test_nothing_of_a_cancelled_one_is_written_and_the_next_has_its_turn(durable: Durable) -> None:
    account = VirtualObject("Account")

    @account.handler()
    async def stuck(ctx: ObjectContext) -> None:
        ctx.set("n", 1)
        await ctx.promise()

    @account.handler()
    async def keys(ctx: ObjectContext) -> list[str]:
        return await ctx.state_keys()

    client = bound(durable, account).object(account, "ann")
    first, second = client.stuck.send(), client.keys.send()
    until(lambda: durable.get(first.id).status == "suspended", "the first to wait")
    assert durable.get(second.id).status == "queued"
    durable.cancel(first.id, grace=0)
    assert second.result(10) == []


def test_a_delayed_call_to_oneself(durable: Durable) -> None:
    machine = VirtualObject("Machine")

    @machine.handler()
    async def up(ctx: ObjectContext) -> str:
        ctx.object_send(down, ctx.key(), send_delay=0.3)
        ctx.set("state", "up")
        return "up"

    @machine.handler()
    async def down(ctx: ObjectContext) -> None:
        ctx.set("state", "down")

    client = bound(durable, machine)
    assert client.object(machine, "one").up() == "up"
    assert durable.store.state("Machine/one") == {"state": '"up"'}
    until(lambda: durable.store.state("Machine/one") == {"state": '"down"'}, "the delayed call")


class TestDeadlock:
    def test_a_call_to_ones_own_key_is_refused(self, durable: Durable, style: Style) -> None:
        node = VirtualObject("Node")

        @node.handler("touch")
        @style
        def touch(ctx: ObjectContext) -> Steps:
            yield ctx.object_call(touch, ctx.key())

        with pytest.raises(DeadlockError, match="Node/a -> Node/a") as refused:
            bound(durable, node).object(node, "a").touch()
        assert refused.value.status_code == 409

    def test_a_chain_that_comes_back_is_refused(self, durable: Durable) -> None:
        node, between = VirtualObject("Node"), Service("Between")

        @node.handler()
        async def walk(ctx: ObjectContext, path: list[str]) -> str:
            return await ctx.service_call(hop, path) if path else f"at {ctx.key()}"

        @between.handler()
        async def hop(ctx: Context, path: list[str]) -> str:
            return str(await ctx.object_call(walk, path[0], path[1:]))

        client = bound(durable, node, between).object(node, "a")
        assert client.walk(["b", "c"]) == "at c"
        with pytest.raises(DeadlockError, match="Node/a -> Node/b -> Node/a"):
            client.walk(["b", "a"])
        assert client.walk([]) == "at a", "and nobody is stuck"

    def test_sending_to_oneself_and_shared_calls_are_fine(self, durable: Durable) -> None:
        node = VirtualObject("Node")

        @node.handler(kind="shared")
        async def look(ctx: ObjectSharedContext) -> str:
            return ctx.key()

        @node.handler()
        async def again(ctx: ObjectContext, n: int) -> str:
            if n:
                ctx.object_send(again, ctx.key(), n - 1)
            ctx.set("left", n)
            return str(await ctx.object_call(look, ctx.key()))

        assert bound(durable, node).object(node, "a").again(2) == "a"
        until(lambda: durable.store.state("Node/a") == {"left": "0"}, "the last of them")


def test_called_without_a_key(durable: Durable) -> None:
    counter = VirtualObject("Counter")

    @counter.handler()
    def add(ctx: ObjectContext) -> str:
        return ctx.key()

    durable.bind(counter)
    with pytest.raises(DurableError, match="without a key"):
        durable.run("raw", "Counter.add").result(5)


def test_one_with_a_key_sends_to_itself_instead_of_going_on(durable: Durable) -> None:
    counter = VirtualObject("Counter")

    @counter.handler()
    async def forever(ctx: ObjectContext) -> Any:
        return ctx.continue_as()

    with pytest.raises(TypeError, match="sends a call to itself"):
        bound(durable, counter).object(counter, "ann").forever()
