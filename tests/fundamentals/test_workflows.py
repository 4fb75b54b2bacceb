"""Workflows: a run once for each key, handlers beside it, promises by name, and a state that can be read."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

import durable_celery as restate
from durable_celery import (
    AlreadySettled,
    Context,
    DeadlockError,
    Durable,
    IdConflict,
    InvalidName,
    RedisStore,
    Rejected,
    Service,
    Workflow,
    WorkflowContext,
    WorkflowSharedContext,
)
from tests.fundamentals.styles import Style
from tests.fundamentals.test_every_style import until
from tests.fundamentals.test_services import bound

Steps = Generator[Any, Any, Any]


def signup(style: Style, runs: list[str]) -> Workflow:
    """A workflow that waits to be clicked."""
    workflow = Workflow("Signup")

    @workflow.main()
    @style
    def run(ctx: WorkflowContext, mail: str) -> Steps:
        ctx.set("step", "mailed")
        yield ctx.run("send mail", lambda: runs.append(mail))
        secret = yield ctx.promise("clicked").value()
        ctx.set("step", "over")
        return f"{ctx.key()} {mail} {secret}"

    @workflow.handler("click")
    @style
    def click(ctx: WorkflowSharedContext, secret: str) -> Steps:
        yield ctx.promise("clicked").resolve(secret)

    @workflow.handler("step")
    @style
    def step(ctx: WorkflowSharedContext) -> Steps:
        return (yield ctx.get("step"))

    @workflow.handler("peek")
    @style
    def peek(ctx: WorkflowSharedContext) -> Steps:
        return (yield ctx.promise("clicked").peek())

    return workflow


def test_a_workflow_from_start_to_end_in_every_style(durable: Durable, style: Style) -> None:
    runs: list[str] = []
    ann = bound(durable, signup(style, runs)).workflow("Signup", "ann")

    assert ann.step() is None
    running = ann.run.send("ann@example.com")
    until(lambda: ann.step() == "mailed", "the mail")
    assert ann.peek() is None
    ann.click("s3cret")
    assert running.result(10) == "ann ann@example.com s3cret"
    assert (ann.step(), ann.peek()) == ("over", "s3cret"), "after it is over as well"
    assert runs == ["ann@example.com"]


def test_it_runs_once_for_each_key(durable: Durable) -> None:
    runs: list[str] = []
    client = bound(durable, signup(lambda body: body, runs))
    first = client.workflow("Signup", "ann").run.send("ann@example.com")
    second = client.workflow("Signup", "ann").run.send("ann@example.com")
    client.workflow("Signup", "bob").run.send("bob@example.com")
    assert first.id == second.id
    with pytest.raises(IdConflict):
        client.workflow("Signup", "ann").run.send("other@example.com")
    client.workflow("Signup", "ann").click("x")
    assert second.result(10) == first.result(10)
    assert client.workflow("Signup", "ann").run("ann@example.com") == first.result(10), "and later it is read"
    until(lambda: len(runs) == 2, "both")


def test_a_promise_may_be_settled_before_anybody_waits(durable: Durable) -> None:
    client = bound(durable, signup(lambda body: body, []))
    client.workflow("Signup", "early").click("first")
    assert client.workflow("Signup", "early").run("mail") == "early mail first"


def test_a_promise_is_settled_once(durable: Durable) -> None:
    client = bound(durable, signup(lambda body: body, [])).workflow("Signup", "ann")
    client.click("one")
    with pytest.raises(AlreadySettled):
        client.click("two")
    assert client.peek() == "one"


def test_a_rejected_promise(durable: Durable) -> None:
    workflow = Workflow("Approval")

    @workflow.main()
    async def run(ctx: WorkflowContext) -> str:
        try:
            await ctx.promise("approved").value()
        except Rejected as error:
            return str(error)
        return "approved"

    @workflow.handler()
    async def refuse(ctx: WorkflowSharedContext, reason: str) -> None:
        await ctx.promise("approved").reject(reason)

    client = bound(durable, workflow).workflow(workflow, "one")
    client.refuse("too expensive")
    assert client.run() == "too expensive"


def test_its_own_state_in_a_replay_is_what_it_was(durable: Durable) -> None:
    workflow = Workflow("W")

    @workflow.main()
    async def run(ctx: WorkflowContext) -> list[Any]:
        seen = [await ctx.get("n")]
        ctx.set("n", 1)
        await ctx.sleep(1.1)  # suspends: everything above is replayed
        seen.append(await ctx.get("n"))
        ctx.clear_all()
        seen.append(await ctx.state_keys())
        return seen

    assert bound(durable, workflow).workflow(workflow, "k").run() == [None, 1, []]


def test_a_promise_against_a_timer(durable: Durable) -> None:
    workflow = Workflow("W")

    @workflow.main()
    async def run(ctx: WorkflowContext) -> list[str]:
        reminded, clicked = [], ctx.promise("clicked").value()
        for n in range(2):
            match await restate.select(clicked=clicked, timer=ctx.sleep(0.05)):
                case ["clicked", _]:
                    return reminded
                case _:
                    reminded.append(await ctx.run("remind", lambda n=n: f"reminder {n}"))
        return reminded

    assert bound(durable, workflow).workflow(workflow, "k").run() == ["reminder 0", "reminder 1"]


def test_called_from_a_service(durable: Durable) -> None:
    workflow, service = signup(lambda body: body, []), Service("S")
    run, click = workflow.handlers["run"], workflow.handlers["click"]

    @service.handler()
    async def through(ctx: Context) -> list[Any]:
        started = await ctx.workflow_send(run, "ann", "mail").invocation_id()
        await ctx.workflow_call(click, "ann", "x")
        return [started, await ctx.workflow_call(run, "ann", "mail")]

    assert bound(durable, workflow, service).service(service).through() == ["Signup:ann:run", "ann mail x"]


def test_it_is_kept_as_long_as_its_retention_says(durable: Durable) -> None:
    workflow = Workflow("W", retention=3600)

    @workflow.main(retention=7200)
    def run(ctx: WorkflowContext) -> None: ...

    @workflow.handler()
    def look(ctx: WorkflowSharedContext) -> None: ...

    assert run.__durable_handler__.options.retention_ms == 7_200_000  # type: ignore[attr-defined]
    assert look.__durable_handler__.options.retention_ms == 3_600_000  # type: ignore[attr-defined]
    client = bound(durable, workflow)
    running = client.workflow(workflow, "k").run.send()
    running.result(5)
    store = durable.store
    if isinstance(store, RedisStore):
        left_ms: Any = store.connection.client.pttl(f"{store.prefix}r:{running.id}")
        assert 7_100_000 < left_ms <= 7_200_000


def test_one_run(durable: Durable) -> None:
    workflow = signup(lambda body: body, [])
    with pytest.raises(InvalidName, match="has a run already"):
        workflow.main()


def test_keys_that_are_no_ids(durable: Durable) -> None:
    client = bound(durable, signup(lambda body: body, []))
    for key in ("ann@example.com/x", "a:b", "ü 1.2", "run"):
        client.workflow("Signup", key).click(key)
        assert client.workflow("Signup", key).run("m") == f"{key} m {key}"


def test_a_run_that_would_wait_for_itself_is_refused(durable: Durable) -> None:
    workflow, service = Workflow("W"), Service("S")

    @workflow.main()
    async def run(ctx: WorkflowContext) -> str:
        try:
            return str(await ctx.service_call(between))
        except DeadlockError as error:
            return str(error)

    @service.handler()
    async def between(ctx: Context) -> str:
        return str(await ctx.workflow_call(run, "k"))

    said = bound(durable, workflow, service).workflow(workflow, "k").run()
    assert "W/k -> W/k" in said
