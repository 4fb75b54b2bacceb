"""Changing code: versions side by side, gates, dependencies, ids of one's own."""

from __future__ import annotations

import pytest

from durable_celery import Context, Durable, Parked


def test_versions_stand_side_by_side(durable: Durable) -> None:
    @durable.register(name="pay")
    def old(ctx: Context) -> str:
        return "old"

    @durable.register(name="pay", version=2)
    def new(ctx: Context) -> str:
        return "new"

    assert old.run("p-1").result(timeout=5) == "old"
    assert new.run("p-2").result(timeout=5) == "new"
    assert old.options(version=2).run("p-3").result(timeout=5) == "new"


def test_a_gate_lets_running_executions_keep_their_way(durable: Durable) -> None:
    code = {"gate": False}

    @durable.register
    def body(ctx: Context) -> list[object]:
        way = (yield ctx.version("faster")) if code["gate"] else 0
        yield ctx.run(lambda: None)
        signal = yield ctx.promise()
        return [way, signal]

    before = body.run("before")
    while before.status != "suspended":
        pass
    code["gate"] = True
    after = body.run("after")
    durable.promises.resolve("before.2", "go")
    assert before.result(timeout=5) == [0, "go"]
    while after.status != "suspended":
        pass
    durable.promises.resolve("after.2", "go")
    assert after.result(timeout=5) == [1, "go"]


def test_code_that_does_not_fit_its_journal_parks_and_goes_on_when_it_fits_again(durable: Durable) -> None:
    code = {"new": False}
    ran: list[str] = []

    @durable.register
    def body(ctx: Context) -> object:
        if code["new"]:
            yield ctx.run(ran.append, "new").options(name="new")
        else:
            yield ctx.run(ran.append, "old").options(name="old")
        return (yield ctx.promise())

    handle = body.run("b")
    while handle.status != "suspended":
        pass
    code["new"] = True
    durable.promises.resolve("b.2", "done")
    with pytest.raises(Parked, match=r"run\(old\) at position 1.*run\(new\)"):
        handle.result(timeout=5)
    code["new"] = False
    assert durable.resume("b").result(timeout=5) == "done"
    assert ran == ["old"]


def test_parents_that_ask_for_the_same_child_id_share_one_execution(durable: Durable) -> None:
    calls: list[int] = []

    @durable.register
    def fib(ctx: Context, n: int) -> int:
        calls.append(n)
        if n < 2:
            return n
        left = yield ctx.rpc(fib, n - 1).options(id=f"fib-{n - 1}")
        right = yield ctx.rpc(fib, n - 2).options(id=f"fib-{n - 2}")
        return left + right

    assert fib.run("fib-12", 12).result(timeout=20) == 144
    assert len(set(calls)) == 13
    assert len(calls) < 13 * 4  # each is attempted a few times, not fib(12) times


def test_dependencies_are_given_by_name(durable: Durable) -> None:
    durable.set_dependency("mailer", ["outbox"])

    @durable.register
    def body(ctx: Context) -> object:
        assert ctx.get_dependency("printer", None) is None
        return ctx.get_dependency("mailer")

    assert body.run("d").result(timeout=5) == ["outbox"]


def test_a_missing_dependency_says_what_to_do(durable: Durable) -> None:
    @durable.register
    def body(ctx: Context) -> object:
        return ctx.get_dependency("mailer")

    with pytest.raises(LookupError, match="set_dependency"):
        body.run("d").result(timeout=5)
