"""Shapes that are written once, as generators, and brought into the other styles: races, limits, retries, sagas."""

from __future__ import annotations

from durable_celery import RetryPolicy
from tests.invariants.steps import HOUR, OutOfStock, failing, flaky, step

PATIENT = RetryPolicy(max_attempts=3, initial=60, factor=2)


def sleeps(ctx, hours):
    yield ctx.sleep(hours=hours)
    return (yield ctx.run(step, f"after {hours} hours", hours))


# No two timers of a shape are due at the same time: on a real clock their order would be anybody's guess.


def racing(ctx):
    won = yield ctx.select(timer=ctx.sleep(2 * HOUR), child=ctx.rpc("sleeps", 1), slow=ctx.rpc("sleeps", 9))
    between = yield ctx.run(step, "between the races", won[0])
    asked = ctx.promise()
    lost = yield ctx.select(slow=ctx.rpc("sleeps", 6), timer=ctx.sleep(3 * HOUR))
    return [between, won[1], lost[0], (yield ctx.run(step, "after the races", (yield asked)))]


def in_turn(ctx):
    seen = []
    for turn in ctx.as_completed(ctx.rpc("sleeps", 3), ctx.rpc("sleeps", 1), ctx.rpc("sleeps", 2)):
        seen.append((yield turn))
        yield ctx.run(step, f"turn {len(seen)}")
    return seen


def limited(ctx):
    try:
        answer = yield ctx.rpc("sleeps", 5).timeout(HOUR)
    except TimeoutError:
        answer = yield ctx.run(step, "without an answer", "too slow")
    inside = yield ctx.rpc("sleeps", 1).timeout(2 * HOUR)
    return [answer, (yield ctx.run(step, "with an answer", inside))]


def retried(ctx):
    there = yield ctx.run(flaky, "flaky", 2).options(retry=PATIENT)
    try:
        yield ctx.run(flaky, "hopeless", 99).options(retry=PATIENT)
    except OutOfStock as error:
        return [there, (yield ctx.run(step, "give up", list(error.args)))]


def undone(ctx):
    saga = ctx.saga()
    yield saga.run(step, "reserve", "room").compensate(step, "release")
    yield saga.run(step, "charge", 7).compensate(flaky, "refund", 0)
    yield ctx.sleep(HOUR)
    yield saga.run(failing, "ship", "tea", 0).compensate(step, "never")


ALL = (sleeps, racing, in_turn, limited, retried, undone)
