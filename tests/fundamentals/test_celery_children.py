"""An ordinary Celery task is called from a durable function like any other child.

These run as Celery runs tasks for tests, inline (`task_always_eager`); with
real workers and their losses: tests/acceptance/workers/test_celery_children.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from celery import Celery, chain, chord, group

import durable_celery
from durable_celery import Durable, DurableError, IdConflict, LocalStore, NotSerializable, State, TaskLost
from durable_celery.codec import Codec
from durable_celery.newpromise import NewPromise
from durable_celery.settings import Settings
from durable_celery.store import Claimed
from durable_celery.worker.tasks import CeleryTasks
from tests.contract.stories import spawn

Asks = Callable[..., Any]


@pytest.fixture
def app() -> Celery:
    made = Celery("shop", backend="cache+memory://", set_as_current=False)
    made.conf.task_always_eager = True

    @made.task(name="add", shared=False)
    def add(x: int, y: int) -> int:
        return x + y

    @made.task(name="total", shared=False)
    def total(numbers: list[int]) -> int:
        return sum(numbers)

    @made.task(name="raises", shared=False)
    def raises(message: str) -> None:
        raise LookupError(message)

    @made.task(name="same", shared=False)
    def same(value: Any) -> Any:
        return value

    @made.task(name="bound", shared=False, bind=True)
    def bound(self: Any, x: int) -> list[Any]:
        return [self.request.id, x]

    made.finalize()
    return made


@pytest.fixture
def durable(app: Celery) -> Iterator[Durable]:
    made = Durable(app)
    yield made
    made.close()


def plain(ctx: durable_celery.Context, make: Asks) -> Any:
    return make(ctx).get()


def generator(ctx: durable_celery.Context, make: Asks) -> Any:
    return (yield make(ctx))


async def coroutine(ctx: durable_celery.Context, make: Asks) -> Any:
    return await make(ctx)


def asked(durable: Durable, make: Asks, style: Callable[..., Any] = plain, id: str = "order-1") -> Any:
    """What a durable function gives that waits for the one operation that `make` makes of its ctx."""

    def body(ctx: durable_celery.Context) -> Any:
        return style(ctx, make)

    return durable.register(name=f"asks-{id}")(body).run(id).result(10)


@pytest.mark.parametrize("style", [plain, generator, coroutine])
def test_a_task_and_a_signature_and_every_canvas(app: Celery, durable: Durable, style: Callable[..., Any]) -> None:
    add, total = app.tasks["add"], app.tasks["total"]
    made: list[tuple[Asks, Any]] = [
        (lambda ctx: ctx.rpc(add, 1, y=2), 3),
        (lambda ctx: ctx.rpc(add.s(1, 2)), 3),
        (lambda ctx: ctx.rpc(add.s(2), 1), 3),
        (lambda ctx: ctx.rpc(chain(add.s(1, 2), add.s(3))), 6),
        (lambda ctx: ctx.rpc(group(add.s(n, n) for n in range(3))), [0, 2, 4]),
        (lambda ctx: ctx.rpc(group([add.s(1, 1)])), [2]),
        (lambda ctx: ctx.rpc(chord([add.s(1, 1), add.s(2, 2)], total.s())), 6),
        (lambda ctx: ctx.rpc(chain(add.s(1, 1), group(add.s(1), add.s(2)))), [3, 4]),
        (lambda ctx: ctx.rpc(add.starmap([(1, 1), (2, 2)])), [2, 4]),
        (lambda ctx: ctx.rpc(add.chunks([(1, 1), (2, 2), (3, 3)], 2)), [[2, 4], [6]]),
    ]

    for number, (make, value) in enumerate(made):
        assert asked(durable, make, style, f"order-{number}") == value


def test_its_task_id_is_the_childs_id(app: Celery, durable: Durable) -> None:
    assert asked(durable, lambda ctx: ctx.rpc(app.tasks["bound"], 7)) == ["order-1.1", 7]


def test_several_are_gathered_and_each_is_a_step(app: Celery, durable: Durable) -> None:
    add = app.tasks["add"]

    @durable.register
    def order(ctx: durable_celery.Context) -> list[int]:
        first = ctx.begin_rpc(add, 1, 1)
        rest = ctx.gather(ctx.rpc(add, 2, 2), ctx.rpc(chain(add.s(1, 1), add.s(1)))).get()
        return [first.get(), *rest]

    handle = order.run("order-1")

    assert handle.result(10) == [2, 4, 3]
    assert [(step.id, step.kind, step.name) for step in handle.steps()] == [
        ("order-1.1", "task", "add"),
        ("order-1.2", "task", "add"),
        ("order-1.3", "task", "chain(add, add)"),
    ]


def test_its_outcome_is_recorded_once(app: Celery, durable: Durable) -> None:
    calls = []

    @app.task(name="counted", shared=False)
    def counted() -> int:
        calls.append(1)
        return len(calls)

    @durable.register
    def order(ctx: durable_celery.Context) -> list[int]:
        first = ctx.rpc(counted).get()
        ctx.sleep(1.1).get()  # leaves, and is replayed
        return [first, len(calls)]

    assert order.run("order-1").result(10) == [1, 1]


def test_its_error_is_raised_in_the_body_as_what_it_was(app: Celery, durable: Durable) -> None:
    raises, add = app.tasks["raises"], app.tasks["add"]

    for number, target in enumerate([raises.s("sold out"), chain(raises.s("sold out"), add.s(1))]):
        with pytest.raises(LookupError, match="sold out"):
            asked(durable, lambda ctx, sig=target: ctx.rpc(sig), id=f"order-{number}")


def test_values_keep_their_types(app: Celery, durable: Durable) -> None:
    value = {"when": datetime(2031, 5, 4, tzinfo=UTC)}

    assert asked(durable, lambda ctx: ctx.rpc(app.tasks["same"], value)) == value


def test_a_result_without_a_json_form_is_told(app: Celery, durable: Durable) -> None:
    @app.task(name="opens", shared=False)
    def opens() -> object:
        return object()

    with pytest.raises(NotSerializable, match=r"the result of the task 'order-1\.1' has no JSON form"):
        asked(durable, lambda ctx: ctx.rpc(opens))


def test_a_delay_does_not_matter_where_tasks_run_inline(app: Celery, durable: Durable) -> None:
    assert asked(durable, lambda ctx: ctx.rpc(app.tasks["add"], 1, 2).options(delay=3600)) == 3


@pytest.mark.parametrize(
    ("make", "kind", "sentence"),
    [
        (lambda ctx, add: ctx.rpc(add, 1), TypeError, "missing 1 required positional argument: 'y'"),
        (
            lambda ctx, add: ctx.rpc(add, object(), 1),
            NotSerializable,
            r"the call of 'add' has no JSON form: at .args\[0\]",
        ),
        (lambda ctx, add: ctx.rpc(chain()), TypeError, "an empty chain"),
        (lambda ctx, add: ctx.rpc(group([add.s(1, 1)]), 5), TypeError, "takes no arguments in ctx.rpc"),
        (lambda ctx, add: ctx.detached(add, 1, 2), TypeError, "call its delay in a step"),
    ],
)
def test_a_call_that_cannot_be_made_is_refused_where_it_is_made(
    app: Celery, durable: Durable, make: Asks, kind: type[Exception], sentence: str
) -> None:
    def order(ctx: durable_celery.Context) -> Any:
        with pytest.raises(kind, match=sentence):
            make(ctx, app.tasks["add"])
        return ctx.rpc(app.tasks["add"], 1, 2)  # the refused one has taken no position

    assert asked(durable, order) == 3


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"lost": "ignore"}, "lost= is one of resend, fail, wait, not 'ignore'"),
        ({"version": 2}, "has no version="),
        ({"retry": durable_celery.RetryPolicy()}, "retry= belong"),
        ({"queue": "slow", "priority": 3}, r"chain\(add, add\) takes no queue, priority: say it of its tasks"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    app: Celery, durable: Durable, options: dict[str, Any], sentence: str
) -> None:
    add = app.tasks["add"]

    with pytest.raises(TypeError, match=sentence):
        asked(durable, lambda ctx: ctx.rpc(chain(add.s(1, 1), add.s(1))).options(**options))


def test_the_policy_for_lost_ones_is_not_for_durable_children(durable: Durable) -> None:
    durable.register(name="child")(lambda ctx: 1)

    with pytest.raises(TypeError, match="a durable child is never lost"):
        asked(durable, lambda ctx: ctx.rpc("child").options(lost="fail"))


def test_an_id_of_its_own_is_shared_by_all_who_ask_for_the_same(app: Celery, durable: Durable) -> None:
    bound, add = app.tasks["bound"], app.tasks["add"]
    shared: Asks = lambda ctx: ctx.rpc(bound, 1).options(id="shared")

    assert asked(durable, shared, id="a") == asked(durable, shared, id="b") == ["shared", 1]
    with pytest.raises(IdConflict):
        asked(durable, lambda ctx: ctx.rpc(add, 1, 2).options(id="shared"), id="c")


# Without workers


def test_local_mode_says_what_it_needs(app: Celery) -> None:
    durable = Durable.local()

    with pytest.raises(TypeError, match=r"is a Celery task; as a child it needs Durable\(app\)"):
        asked(durable, lambda ctx: ctx.rpc(app.tasks["add"], 1, 2))
    durable.close()


def test_a_store_in_memory_says_what_it_needs(app: Celery) -> None:
    app.conf.task_always_eager = False
    durable = Durable(app, store=LocalStore())

    with pytest.raises(DurableError, match=r"needs a Durable\(app\) whose store is not in memory"):
        asked(durable, lambda ctx: ctx.rpc(app.tasks["add"], 1, 2))
    durable.close()


# What is kept


def test_a_lost_one_says_what_to_do() -> None:
    codec = Codec()
    error = codec.error(codec.failure(TaskLost("order-1.1", "add", 3600.0)), "order-1.1")

    assert isinstance(error, TaskLost)
    assert (error.promise_id, error.task, error.seconds) == ("order-1.1", "add", 3600.0)
    assert str(error).startswith(
        "nothing was heard of the Celery task add ('order-1.1') for 3600 s and no worker has it"
    )
    assert 'options(lost="resend")' in str(error)


@pytest.mark.parametrize(
    ("late", "asked_for", "kept"), [(False, None, "fail"), (True, None, "resend"), (True, "wait", "wait")]
)
def test_what_may_run_twice_is_what_celery_was_told(
    app: Celery,
    late: bool,
    asked_for: str | None,
    kept: str,
) -> None:
    store = LocalStore()
    durable = Durable(app, store=store)
    app.tasks["add"].acks_late = late
    app.tasks["bound"].acks_late = True

    asked(
        durable, lambda ctx: ctx.rpc(chain(app.tasks["bound"].s(1), app.tasks["add"].si(1, 2))).options(lost=asked_for)
    )

    tasks = durable._tasks
    assert isinstance(tasks, CeleryTasks)
    assert tasks.kept(store.get("order-1.1"))["lost"] == kept
    assert tasks.kept(store.get("order-1.1"))["lost_after_ms"] == 3_600_000
    durable.close()


def test_how_long_nothing_may_be_heard_is_a_setting() -> None:
    assert Settings.read({"durable_lost_after": 90}).lost_after_ms == 90_000


def test_a_pending_one_is_an_external_promise(app: Celery) -> None:
    """It can be settled by hand, and an attempt that finds it settled goes on with that."""
    store = LocalStore()
    store.create(NewPromise(id="order-1", function="f"))
    claimed = store.claim("order-1", "node/1", 10_000)
    assert isinstance(claimed, Claimed)
    spawn(store, claimed.hold, 0, "1", ">", NewPromise(id="order-1.1", canvas="{}", parent="order-1", tree="order-1"))
    durable = Durable(app, store=store)

    durable.promises.resolve("order-1.1", "by hand")

    assert durable.get("order-1.1").state is State.RESOLVED
    durable.close()
