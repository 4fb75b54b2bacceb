"""Sagas: what succeeded is undone in reverse when the body fails."""

from __future__ import annotations

import pytest

from durable_celery import Context, Durable


class Ledger:
    """What was done, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def do(self, what: str) -> str:
        self.lines.append(f"do {what}")
        return what

    def undo(self, what: str) -> None:
        self.lines.append(f"undo {what}")

    def fail(self) -> None:
        raise RuntimeError("out of stock")


def test_compensations_run_in_reverse_when_the_body_fails(durable: Durable) -> None:
    ledger = Ledger()

    @durable.register
    def order(ctx: Context) -> None:
        saga = ctx.saga()
        yield saga.run(ledger.do, "reserve").compensate(ledger.undo)
        yield saga.run(ledger.do, "charge").compensate(ledger.undo, "the charge")
        yield saga.run(ledger.fail).compensate(ledger.undo, "never")

    handle = order.run("o")
    with pytest.raises(RuntimeError, match="out of stock"):
        handle.result(timeout=5)
    assert ledger.lines == ["do reserve", "do charge", "undo the charge", "undo reserve"]
    assert [step.name for step in handle.steps()] == ["do", "do", "fail", "undo", "undo"]


def test_nothing_is_undone_when_the_body_returns(durable: Durable) -> None:
    ledger = Ledger()

    @durable.register
    async def order(ctx: Context) -> str:
        saga = ctx.saga()
        return await saga.run(ledger.do, "reserve").compensate(ledger.undo)

    assert order.run("o").result(timeout=5) == "reserve"
    assert ledger.lines == ["do reserve"]


def test_a_compensation_that_fails_is_noted_and_the_others_still_run(durable: Durable) -> None:
    ledger = Ledger()

    @durable.register
    def order(ctx: Context) -> None:
        saga = ctx.saga()
        saga.run(ledger.do, "a").compensate(ledger.undo).get()
        saga.run(ledger.do, "b").compensate(lambda _: ledger.fail()).get()
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        order.run("o").result(timeout=5)
    assert ledger.lines == ["do a", "do b", "undo a"]
