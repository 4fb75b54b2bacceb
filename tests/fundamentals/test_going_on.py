"""Going on: a new history, a fork from a step, a failed one tried again, and how far it is."""

from __future__ import annotations

import pytest

from durable_celery import Context, Durable, HistoryTooLong, IdConflict, Parked, fence
from durable_celery.settings import Settings
from tests.fundamentals.test_cancelling import status, until


def test_continue_as_goes_on_with_a_new_history_and_its_result_is_the_result(durable: Durable) -> None:
    @durable.register
    def count(ctx: Context, done: int) -> object:
        for _ in range(3):
            done = ctx.run(lambda n: n + 1, done).get()
        return ctx.continue_as(done) if done < 9 else done

    handle = count.run("c", 0)

    assert handle.result(timeout=5) == 9
    assert [(step.id, step.kind) for step in handle.steps()][-1] == ("c.4", "continue")
    assert len(durable.get("c.4.4").steps()) == 3


def test_it_can_be_waited_for_like_anything_else(durable: Durable) -> None:
    @durable.register
    async def twice(ctx: Context, left: int) -> str:
        if left:
            return "after " + await ctx.continue_as(left - 1)
        return "the end"

    assert twice.run("c", 1).result(timeout=5) == "after the end"


def test_a_history_over_the_limit_parks_and_says_what_to_do() -> None:
    durable = Durable.local()
    durable.settings = Settings(max_entries=5)

    @durable.register
    def endless(ctx: Context) -> None:
        while True:
            ctx.run(lambda: None).get()

    handle = endless.run("e")
    with pytest.raises(Parked, match=r"has 5 entries.*ctx\.continue_as"):
        handle.result(timeout=5)
    assert len(handle.steps()) == 5
    assert str(HistoryTooLong("endless", 5, "here")) in handle.promise().reason.replace(here(handle), "here")
    durable.close()


def here(handle) -> str:
    return handle.promise().reason.partition("end at ")[2].partition(" with")[0]


def test_a_fork_keeps_what_was_recorded_before_its_step_and_runs_the_rest(durable: Durable) -> None:
    done: list[str] = []

    @durable.register
    def body(ctx: Context, name: str) -> list[str]:
        return [ctx.run(lambda each: (done.append(each), each)[1], f"{name} {step}").get() for step in "abc"]

    assert body.run("f", "x").result(timeout=5) == ["x a", "x b", "x c"]
    forked = durable.fork("f", from_step=3, new_id="g")

    assert forked.result(timeout=5) == ["x a", "x b", "x c"]
    assert done == ["x a", "x b", "x c", "x c"]
    assert durable.get("f").result(timeout=5) == ["x a", "x b", "x c"]


def test_a_fork_of_one_with_remote_children_keeps_their_outcomes(durable: Durable) -> None:
    done: list[str] = []

    @durable.register
    def child(ctx: Context, name: str) -> str:
        ctx.run(done.append, name).get()
        return name

    @durable.register
    def body(ctx: Context) -> list[str]:
        first = ctx.rpc(child, "first").get()
        return [first, ctx.rpc(child, "second").get()]

    body.run("f").result(timeout=5)

    assert durable.fork("f", "f.2").result(timeout=5) == ["first", "second"]
    assert done == ["first", "second", "second"]


def test_a_fork_may_be_called_with_other_arguments_and_keeps_steps_as_they_were(durable: Durable) -> None:
    @durable.register
    def order(ctx: Context, item: str, express: bool = False) -> list[str]:
        priced = ctx.run(lambda: f"priced {item}").get()
        return [priced, ctx.run(lambda: f"sent {item}{' today' if express else ''}").get()]

    order.run("o", "tea").result(timeout=5)

    anew = durable.fork("o", from_step=1, new_id="o-anew", args=["rum"])
    rest = durable.fork("o", from_step=2, new_id="o-rest", args=["rum"], kwargs={"express": True})
    again = durable.fork("o", from_step=2, new_id="o-rest", args=["rum"], kwargs={"express": True})

    assert anew.result(timeout=5) == ["priced rum", "sent rum"]
    assert rest.result(timeout=5) == again.result(timeout=5) == ["priced tea", "sent rum today"]
    with pytest.raises(IdConflict):
        durable.fork("o", from_step=2, new_id="o-rest", args=["gin"])
    with pytest.raises(TypeError, match="got an unexpected keyword argument 'price'"):
        durable.fork("o", args=["gin"], kwargs={"price": 1})


def test_one_that_failed_is_tried_again_from_its_failed_step_and_stays_as_it_was(durable: Durable) -> None:
    broken, done = [True], []

    def charge() -> str:
        if broken:
            raise ConnectionError("declined")
        return "charged"

    @durable.register
    def order(ctx: Context) -> str:
        ctx.run(done.append, "reserved").get()
        return ctx.run(charge).get()

    handle = order.run("order-1")
    with pytest.raises(ConnectionError):
        handle.result(timeout=5)
    broken.clear()

    again = durable.resume("order-1")
    assert (again.id, again.result(timeout=5)) == ("order-1~2", "charged")
    assert durable.retry("order-1").id == "order-1~2"
    assert done == ["reserved"]
    assert handle.status == "failed"


def test_a_retry_begins_at_the_first_step_that_failed_whatever_was_recorded_after_it(durable: Durable) -> None:
    broken = [True]

    def charge() -> int:
        if broken:
            raise ConnectionError
        return 1

    @durable.register
    def body(ctx: Context) -> list[int]:
        return ctx.gather(ctx.run(charge), ctx.run(lambda: 2)).get()

    with pytest.raises(ConnectionError):
        body.run("g").result(timeout=5)
    broken.clear()

    assert durable.retry("g").result(timeout=5) == [1, 2]


def test_a_retry_from_another_step_is_another_fork(durable: Durable) -> None:
    done: list[str] = []

    @durable.register
    def body(ctx: Context) -> None:
        for name in "ab":
            ctx.run(done.append, name).get()
        raise ValueError

    with pytest.raises(ValueError):  # the body's own
        body.run("r").result(timeout=5)
    forks = [durable.retry("r"), durable.retry("r", from_step=1), durable.retry("r", from_step=1)]

    assert [fork.id for fork in forks] == ["r~2", "r~3", "r~3"]
    for fork in forks:
        with pytest.raises(ValueError):
            fork.result(timeout=5)
    assert done == ["a", "b", "a", "b"]


@pytest.mark.parametrize("length", [126, 127, 128])
def test_one_with_the_longest_id_is_tried_again_too(durable: Durable, length: int) -> None:
    @durable.register
    def fails(ctx: Context) -> None:
        raise ValueError("again")

    told = ["x" * length]
    fails.run(told[0])
    for _ in range(3):
        until(lambda: status(durable, told[-1]) == "failed")
        told.append(durable.resume(told[-1]).id)
        assert durable.retry(told[-2]).id == told[-1]
    until(lambda: status(durable, told[-1]) == "failed")

    assert [each.rpartition("~")[2] for each in told[1:]] == ["2", "3", "4"]
    assert len({each.rpartition("~")[0] for each in told[1:]}) == 1


def test_a_fork_of_one_at_work_does_not_share_what_that_waits_for(durable: Durable) -> None:
    @durable.register
    def child(ctx: Context) -> str:
        return ctx.promise(id=f"{ctx.id}-gate").get()

    @durable.register
    def body(ctx: Context) -> str:
        return ctx.rpc(child).get()

    original = body.run("w")
    until(lambda: original.status == "suspended")
    forked = durable.fork("w", from_step=2, new_id="v")
    until(lambda: forked.status == "suspended")
    original.cancel()
    until(lambda: status(durable, "v.1-gate") == "pending")
    durable.promises.resolve("v.1-gate", "its own")

    assert forked.result(timeout=5) == "its own"


def test_a_fork_under_an_id_of_another_call_is_refused(durable: Durable) -> None:
    @durable.register
    def body(ctx: Context, number: int) -> int:
        return number

    body.run("a", 1).result(timeout=5)
    body.run("b", 2).result(timeout=5)

    with pytest.raises(IdConflict):
        durable.fork("a", 1, "b")


def test_progress_shows_how_far_it_is_and_is_quiet_in_replay(durable: Durable) -> None:
    @durable.register
    def body(ctx: Context) -> None:
        ctx.progress(1, 3, "began")
        ctx.run(lambda: None).get()
        ctx.progress(2, 3, "waiting")
        ctx.promise(id="gate").get()

    handle = body.run("p")
    until(lambda: handle.status == "suspended")
    assert handle.progress() == {"done": 2, "total": 3, "note": "waiting"}
    durable.promises.resolve("gate")
    handle.result(timeout=5)
    assert handle.progress() == {"done": 2, "total": 3, "note": "waiting"}


@pytest.mark.parametrize("kept", [0, 2])
def test_lines_of_the_logger_are_kept_and_written_with_what_is_written_anyway(
    durable: Durable, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    durable.settings = Settings(log_lines=kept)
    monkeypatch.setattr(fence, "_PROGRESS_PAUSE_MS", 1e9)  # by itself only the first line is written
    alone, progress = [], type(durable.store).progress

    def counted(*args: object) -> None:
        alone.append(args)
        progress(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(type(durable.store), "progress", counted)

    @durable.register
    def body(ctx: Context) -> None:
        for number in range(3):
            ctx.logger.info("step %d of %s", number, "three")
            ctx.run(lambda: None).get()
        ctx.logger.debug("not of interest")
        ctx.logger.error("%d%% done", 100)

    handle = body.run("l")
    handle.result(timeout=5)

    said = [(line["level"], line["text"], line["id"]) for line in handle.log()]
    assert said == [("INFO", "step 2 of three", "l"), ("ERROR", "100% done", "l")][:kept]
    assert handle.promise().logged == (4 if kept else 0)
    assert len(alone) == (1 if kept else 0)
    assert len(handle.steps()) == 3


def test_a_line_is_quiet_in_replay_and_written_before_the_body_is_asleep(durable: Durable) -> None:
    durable.settings = Settings(log_lines=10)

    @durable.register
    def body(ctx: Context) -> None:
        ctx.logger.info("one")
        ctx.logger.info("two")
        ctx.promise(id="log-gate").get()
        ctx.logger.info("three")

    handle = body.run("q")
    until(lambda: handle.status == "suspended")
    assert [line["text"] for line in handle.log()] == ["one", "two"]
    durable.promises.resolve("log-gate")
    handle.result(timeout=5)
    assert [line["text"] for line in handle.log()] == ["one", "two", "three"]
