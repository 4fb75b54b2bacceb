"""Programs: lists of commands, performed by one body.

Every command adds to a number that the body returns, records steps, and may add
to counters that are kept by virtual objects, three layers deep. What each must
come to is in `sums`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from durable_celery import AlreadySettled, RetryPolicy, TerminalError, VirtualObject, Workflow

KEYS = ("a", "b")
#: How ids of promises begin that nobody outside settles.
OURS = "ours-"


class Outside:
    """What steps act upon: the simulation puts it here."""

    #: Told of each step that begins; what it answers is recorded.
    step: Callable[[str], str]
    #: Told of each try of a step that fails so often; raises while it does.
    flaky: Callable[[str, int], str]


def step(label: str) -> str:
    return Outside.step(label)


def flaky(label: str, times: int) -> str:
    return Outside.flaky(label, times)


class Refused(TerminalError):
    """What makes a saga fail."""


def refuse(label: str) -> None:
    Outside.step(label)
    raise Refused(label)


def program(ctx, commands):
    total = 0
    for number, (kind, *rest) in enumerate(commands):
        total += yield from COMMANDS[kind](ctx, f"{ctx.id}/{number}", *rest)
    return total


# The commands


def _step(ctx, label, number):
    yield ctx.run(step, label)
    return number


def _flaky(ctx, label, times):
    policy = RetryPolicy(max_attempts=None, initial=0.5, factor=3)
    yield ctx.run(flaky, label, times).options(retry=policy)
    return times


def _local(ctx, label, commands):
    return (yield ctx.run(program, commands))


def _rpc(ctx, label, commands):
    return (yield ctx.rpc("program", commands))


def _gather(ctx, label, *branches):
    return sum((yield ctx.gather(*[ctx.begin_rpc("program", each) for each in branches])))


def _strands(ctx, label, *branches):
    return sum((yield ctx.gather(*[ctx.begin_run(program, each) for each in branches])))


def _mixed(ctx, label, there, here):
    """A remote and a local child at once, joined in the other order."""
    far, near = ctx.begin_rpc("program", there), ctx.begin_run(program, here)
    return (yield near) + (yield far)


def _in_turn(ctx, label, *branches):
    total = 0
    for turn in ctx.as_completed(*[ctx.rpc("program", each) for each in branches]):
        total += yield turn
    return total


def _select(ctx, label, seconds, commands):
    yield ctx.select(child=ctx.rpc("program", commands), timer=ctx.sleep(seconds))
    return 1


def _limit(ctx, label, seconds, commands):
    try:
        yield ctx.rpc("program", commands).timeout(seconds)
    except TimeoutError:
        pass
    return 1


def _sleep(ctx, label, seconds):
    yield ctx.sleep(seconds)
    return 0


def _promise(ctx, label):
    asked = ctx.promise()
    yield ctx.run(step, label)
    yield asked
    return 2


def _awakeable(ctx, label):
    awakeable_id, answer = ctx.awakeable()
    yield ctx.rpc("wake", awakeable_id)
    yield answer
    return 3


def wake(ctx, awakeable_id):
    try:
        yield ctx.resolve_awakeable(awakeable_id, "woken")
    except AlreadySettled:
        pass  # somebody outside was first


def _handed(ctx, label, commands):
    """One strand waits for what another one gives it, and for nobody else."""
    ours = OURS + label.replace("/", "_")
    ctx.promise(ours)
    asked, given = ctx.begin_run(_asked, ours), ctx.begin_run(_given, ours, commands)
    return sum((yield ctx.gather(asked, given)))


def _asked(ctx, ours):
    yield ctx.promise(ours)
    return 1


def _given(ctx, ours, commands):
    inner = ctx.begin_run(program, commands)
    total = yield inner
    yield from _settled(ctx, ours)
    return total


def _late(ctx, label, seconds, commands):
    """What nobody gives has its time, beside something else."""
    ours = OURS + label.replace("/", "_")
    try:
        yield ctx.gather(ctx.promise(ours).timeout(seconds), ctx.begin_rpc("program", commands))
    except TimeoutError:
        pass
    yield from _settled(ctx, ours)
    return 1


def _settled(ctx, ours):
    try:
        yield ctx.resolve_awakeable(ours)
    except AlreadySettled:
        pass  # by an attempt before this one


def _time(ctx, label):
    before = yield ctx.time()
    yield ctx.sleep(2)
    return int((yield ctx.time()) >= before + 2)


def _saga(ctx, label, actions, fails):
    try:
        return (yield ctx.run(_undone, label, actions, fails))
    except Refused:
        return 5


def _undone(ctx, label, actions, fails):
    saga = ctx.saga()
    for number in range(actions):
        yield saga.run(step, f"{label}/do{number}").compensate(step, f"{label}/undo{number}")
    if fails:
        yield ctx.run(refuse, f"{label}/refuse")
    return actions


def _loop(ctx, label, times):
    return (yield ctx.rpc("again", times))


def again(ctx, times):
    yield ctx.run(step, f"{ctx.id}/again{times}")
    return ctx.continue_as(times - 1) if times > 1 else 7


def _add(ctx, label, calls):
    """Add to counters, one after the other."""
    for call in calls:
        yield ctx.object_call(LAYERS[call["layer"]].handlers["add"].fn, call["key"], call)
    return len(calls)


def _add_at_once(ctx, label, calls):
    yield ctx.gather(*[ctx.object_call(LAYERS[each["layer"]].handlers["add"].fn, each["key"], each) for each in calls])
    return len(calls)


def _send(ctx, label, call):
    yield ctx.object_send(LAYERS[call["layer"]].handlers["add"].fn, call["key"], call).invocation_id()
    return 1


def _look(ctx, label, layer, key):
    seen = yield ctx.object_call(LAYERS[layer].handlers["total"].fn, key)
    return int(seen >= 0)


def _detached(ctx, label, commands):
    yield ctx.detached("program", commands)
    return 1


def _shared(ctx, label, name, commands):
    """A child that several ask for, under an id of its own."""
    return (yield ctx.rpc("program", commands).options(id=name))


def _workflow(ctx, label, commands):
    key = label.replace("/", "-")
    yield ctx.workflow_send(go, key, commands).invocation_id()
    yield ctx.workflow_call(tell, key, "now")
    return (yield ctx.workflow_call(go, key, commands))


# Counters and workflows

LAYERS = [VirtualObject(name) for name in ("Upper", "Middle", "Lower")]
Flow = Workflow("Flow")


def _add_here(ctx, call):
    before = (yield ctx.get("total")) or 0
    yield ctx.run(step, f"{ctx.id}/add")
    ctx.set("total", before + call["n"])
    for further in call["then"]:
        yield ctx.object_call(LAYERS[further["layer"]].handlers["add"].fn, further["key"], further)
    return before + call["n"]


def _total_here(ctx):
    return (yield ctx.get("total")) or 0


def _handlers(layer: VirtualObject) -> None:
    """The same two for each layer; a function is a handler of one only."""

    @layer.handler()
    def add(ctx, call: dict) -> Any:
        return (yield from _add_here(ctx, call))

    @layer.handler(kind="shared")
    def total(ctx) -> Any:
        return (yield from _total_here(ctx))


for _layer in LAYERS:
    _handlers(_layer)


@Flow.main()
def go(ctx, commands: list) -> Any:
    yield ctx.promise("told").value()
    total = yield ctx.rpc("program", commands)
    ctx.set("total", total)
    return total


@Flow.handler()
def tell(ctx, word: str) -> Any:
    try:
        yield ctx.promise("told").resolve(word)
    except AlreadySettled:
        pass  # somebody outside was first


def audit(ctx):
    """What all counters say."""
    said = {}
    for number, layer in enumerate(LAYERS):
        for key in KEYS:
            said[f"{number}{key}"] = yield ctx.object_call(layer.handlers["total"].fn, key)
    return said


COMMANDS: dict[str, Callable[..., Any]] = {
    "step": _step,
    "flaky": _flaky,
    "local": _local,
    "rpc": _rpc,
    "gather": _gather,
    "strands": _strands,
    "mixed": _mixed,
    "in_turn": _in_turn,
    "select": _select,
    "limit": _limit,
    "sleep": _sleep,
    "promise": _promise,
    "awakeable": _awakeable,
    "handed": _handed,
    "late": _late,
    "time": _time,
    "saga": _saga,
    "loop": _loop,
    "add": _add,
    "add_at_once": _add_at_once,
    "send": _send,
    "look": _look,
    "detached": _detached,
    "shared": _shared,
    "workflow": _workflow,
}
FUNCTIONS = (program, wake, again, audit)
SERVICES = (*LAYERS, Flow)
