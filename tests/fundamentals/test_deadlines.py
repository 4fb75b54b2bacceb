"""Deadlines: of an execution, and of one step."""

from __future__ import annotations

import threading
import time

import pytest

from durable_celery import Context, Durable, RetryPolicy, TimedOut
from tests.fundamentals.test_cancelling import until


def test_a_step_that_takes_too_long_is_timed_out_and_the_body_goes_on(durable: Durable) -> None:
    over = threading.Event()

    @durable.register
    def body(ctx: Context) -> str:
        try:
            ctx.run(over.wait, 5).options(timeout=0.2, name="slow").get()
        except TimedOut:
            return ctx.run(lambda: "went on").get()
        return "never"

    began = time.monotonic()
    handle = body.run("d")

    assert handle.result(timeout=5) == "went on"
    assert time.monotonic() - began < 2
    assert [(step.name, str(step.state)) for step in handle.steps()][:1] == [("slow", "rejected_timedout")]
    over.set()


def test_a_step_that_is_quick_enough_has_its_value(durable: Durable) -> None:
    @durable.register
    def body(ctx: Context) -> int:
        return ctx.run(lambda: 7).options(timeout=5).get()

    assert body.run("d").result(timeout=5) == 7


def test_the_time_covers_all_tries_and_is_not_longer_after_a_suspension(durable: Durable) -> None:
    tries: list[int] = []

    def fails() -> None:
        tries.append(1)
        raise ConnectionError

    @durable.register
    def body(ctx: Context) -> str:
        try:
            ctx.run(fails).options(timeout=2, retry=RetryPolicy(max_attempts=None, initial=1.2, factor=1)).get()
        except TimedOut:
            return "gave up"
        return "never"

    assert body.run("d").result(timeout=8) == "gave up"
    assert 1 <= len(tries) <= 3


def test_a_local_child_whose_time_is_up_starts_no_further_step(durable: Durable) -> None:
    go_on, ended = threading.Event(), threading.Event()
    done: list[str] = []

    def child(ctx: Context) -> None:
        try:
            ctx.run(go_on.wait, 5).get()
            ctx.run(done.append, "too late").get()
        finally:
            ended.set()

    @durable.register
    def body(ctx: Context) -> str:
        try:
            ctx.run(child).options(timeout=0.2).get()
        except TimedOut:
            ctx.run(go_on.set).get()
            ctx.run(ended.wait, 5).get()
        return "over"

    assert body.run("d").result(timeout=8) == "over"
    assert done == []


def test_the_deadline_of_an_execution_wins_at_its_instant_and_stops_its_body(durable: Durable) -> None:
    go_on, over = threading.Event(), threading.Event()
    done: list[str] = []

    @durable.register
    def body(ctx: Context) -> None:
        try:
            ctx.run(go_on.wait, 5).get()
            ctx.run(done.append, "too late").get()
        finally:
            over.set()

    handle = body.options(timeout=0.3).run("d")
    with pytest.raises(TimedOut):
        handle.result(timeout=5)
    go_on.set()

    assert over.wait(5)
    assert (handle.status, done) == ("timed_out", [])


def test_a_childs_deadline_wakes_its_parent(durable: Durable) -> None:
    @durable.register
    def child(ctx: Context) -> None:
        ctx.sleep(3600).get()

    @durable.register
    def body(ctx: Context) -> str:
        try:
            ctx.rpc(child).options(timeout=1.2).get()
        except TimedOut:
            return "woken"
        return "never"

    handle = body.run("d")
    until(lambda: handle.status == "suspended")

    assert handle.result(timeout=5) == "woken"


def test_a_body_that_does_not_catch_it_fails_while_the_step_still_runs(durable: Durable) -> None:
    over = threading.Event()

    @durable.register
    def body(ctx: Context) -> None:
        ctx.run(over.wait, 8).options(timeout=0.2).get()

    began = time.monotonic()
    with pytest.raises(TimedOut):
        body.run("d").result(timeout=7)
    assert time.monotonic() - began < 4
    over.set()


def test_a_step_whose_time_is_up_fails_the_gather_that_it_is_in(durable: Durable) -> None:
    over = threading.Event()

    @durable.register
    def body(ctx: Context) -> str:
        try:
            ctx.gather(ctx.run(over.wait, 5).options(timeout=0.3), ctx.run(over.wait, 5).options(timeout=0.3)).get()
        except TimedOut as late:
            over.set()
            return late.promise_id
        return "never"

    assert body.run("d").result(timeout=8) in {"d.1", "d.2"}
