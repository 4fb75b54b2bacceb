"""Retries: policies for steps, for functions that only compute, and in Celery's own words."""

from __future__ import annotations

from collections import Counter

import pytest

from durable_celery import Context, Durable, RetryLater, RetryPolicy, State, TerminalError

QUICK = RetryPolicy(max_attempts=4, initial=0.01, factor=1)


class Flaky:
    """Fails so many times, then works."""

    def __init__(self, failures: int, error: Exception | None = None) -> None:
        self.calls = 0
        self.failures = failures
        self.error = error or ConnectionError("no route")
        self.__name__ = "flaky"

    def __call__(self) -> int:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return self.calls


def test_a_step_is_tried_again_as_its_policy_says(durable: Durable) -> None:
    flaky = Flaky(2)

    @durable.register
    def body(ctx: Context) -> int:
        return ctx.run(flaky).options(retry=QUICK).get()

    handle = body.run("r")
    assert handle.result(timeout=5) == 3
    [step] = handle.steps()
    assert (step.tries, step.state) == (3, State.RESOLVED)


def test_without_a_policy_a_step_is_tried_once(durable: Durable) -> None:
    flaky = Flaky(1)

    @durable.register
    def body(ctx: Context) -> int:
        return ctx.run(flaky).get()

    with pytest.raises(ConnectionError, match="no route"):
        body.run("r").result(timeout=5)
    assert flaky.calls == 1


def test_the_last_error_is_raised_when_tries_are_used_up(durable: Durable) -> None:
    flaky = Flaky(99)

    @durable.register
    def body(ctx: Context) -> str:
        try:
            return str(ctx.run(flaky).options(retry=QUICK).get())
        except ConnectionError as error:
            return f"gave up: {error}"

    assert body.run("r").result(timeout=5) == "gave up: no route"
    assert flaky.calls == 4


@pytest.mark.parametrize(
    ("policy", "error"),
    [
        (QUICK, TerminalError("card refused", status_code=402)),
        (RetryPolicy(max_attempts=4, initial=0, never_on=(KeyError,)), KeyError("no")),
        (RetryPolicy(max_attempts=4, initial=0, retry_on=(OSError,)), ValueError("no")),
    ],
)
def test_some_errors_are_never_tried_again(durable: Durable, policy: RetryPolicy, error: Exception) -> None:
    flaky = Flaky(99, error)

    @durable.register
    def body(ctx: Context) -> int:
        return ctx.run(flaky).options(retry=policy).get()

    with pytest.raises(type(error)):
        body.run("r").result(timeout=5)
    assert flaky.calls == 1


def test_a_step_may_say_itself_when_to_try_again(durable: Durable) -> None:
    flaky = Flaky(1, RetryLater(0.05, "busy"))

    @durable.register
    def body(ctx: Context) -> int:
        return ctx.run(flaky).options(retry=RetryPolicy(max_attempts=2, initial=3600)).get()

    assert body.run("r").result(timeout=5) == 2


def test_a_wait_of_more_than_a_second_frees_the_worker_and_shows_the_error(durable: Durable) -> None:
    flaky = Flaky(1)

    @durable.register
    def body(ctx: Context) -> int:
        return ctx.run(flaky).options(retry=RetryPolicy(max_attempts=2, initial=1.2)).get()

    handle = body.run("r")
    with pytest.raises(TimeoutError):
        handle.result(timeout=0.5)
    assert handle.status == "suspended"
    [step] = handle.steps()
    assert (step.tries, step.state, step.error) == (1, State.PENDING, "builtins.ConnectionError: no route")
    assert handle.result(timeout=5) == 2
    assert handle.promise().attempt == 2


def test_a_function_that_only_computes_is_retried_as_a_whole_and_in_celerys_words(durable: Durable) -> None:
    flaky = Flaky(2)

    @durable.register(autoretry_for=(ConnectionError,), max_retries=3, retry_backoff=0.01, retry_jitter=False)
    def leaf(ctx: Context) -> int:
        return flaky()

    assert leaf.run("r").result(timeout=5) == 3


def test_a_body_with_steps_is_not_run_again_for_an_error_it_would_only_be_told_again(durable: Durable) -> None:
    calls: Counter[str] = Counter()

    def step() -> None:
        calls["step"] += 1
        raise ValueError("no")

    @durable.register(retry=QUICK)
    def body(ctx: Context) -> None:
        calls["body"] += 1
        ctx.run(step).get()

    with pytest.raises(ValueError, match="no"):
        body.run("r").result(timeout=5)
    assert calls == {"step": 1, "body": 1}


def test_an_option_nobody_knows_is_refused() -> None:
    with pytest.raises(TypeError, match="bakcoff"):
        Durable.local().register(lambda ctx: 1, name="f", bakcoff=True)
