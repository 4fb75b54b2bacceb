"""How far the models are explored, and which mutants they have to find, each by the property that it breaks."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

from tests.model import chains, executions, objects, slots
from tests.model.chains import CALLER, CIRCLE, CROSSING, Chains
from tests.model.executions import Executions
from tests.model.explorer import WITHIN_REACH, Model, Report
from tests.model.faults import Faults
from tests.model.objects import Objects
from tests.model.slots import Slots


class Bound(NamedTuple):
    """A model with its budget of faults, and how many states there are to see at the least."""

    name: str
    make: Callable[[], Model[Any]]
    floor: int

    def __str__(self) -> str:
        return self.name


def row(bound: Bound, report: Report) -> str:
    """What the page on the protocol shows of it."""
    return f"| {bound.name} | {report.states:,} | {report.transitions:,} |"


class Found(NamedTuple):
    """A mutant, the model that it is put into, and the property by which it must be found."""

    mutant: Enum
    make: Callable[[Any], Model[Any]]
    by: str

    def __str__(self) -> str:
        return f"{type(self.mutant).__module__.rpartition('.')[2]}: {self.mutant.value}, found by: {self.by}"


#: The budgets are chosen so that all together are explored within seconds; see FARTHER.
BOUNDS = [
    Bound("execution: nothing but the broker fails", lambda: Executions(Faults()), 50),
    Bound(
        "execution: crash, zombie, lost reply",
        lambda: Executions(Faults(crashes=1, lease_ends=1, lost_replies=1)),
        40_000,
    ),
    Bound("execution: rollback, crash", lambda: Executions(Faults(rollbacks=1, crashes=1)), 40_000),
    Bound("execution: rollback, zombie", lambda: Executions(Faults(rollbacks=1, lease_ends=1)), 70_000),
    Bound(
        "execution: cancel, zombie, lost reply",
        lambda: Executions(Faults(cancels=1, lease_ends=1, lost_replies=1)),
        50_000,
    ),
    Bound("execution: cancel, rollback", lambda: Executions(Faults(cancels=1, rollbacks=1)), 40_000),
    Bound(
        "object, 3 calls: crash, zombie, lost reply",
        lambda: Objects(3, Faults(crashes=1, lease_ends=1, lost_replies=1)),
        12_000,
    ),
    Bound(
        "object, 3 calls: cancel, crash, zombie", lambda: Objects(3, Faults(cancels=1, crashes=1, lease_ends=1)), 14_000
    ),
    Bound(
        "object, 3 calls, 2 of them delayed: cancel, zombie",
        lambda: Objects(3, Faults(cancels=1, lease_ends=1), delayed=(1, 2)),
        11_000,
    ),
    Bound(
        "object, 3 calls: park, cancel, zombie", lambda: Objects(3, Faults(parks=1, cancels=1, lease_ends=1)), 17_000
    ),
    Bound("object, 3 calls: rollback, zombie", lambda: Objects(3, Faults(rollbacks=1, lease_ends=1)), 20_000),
    Bound("objects, one calls another: crash", lambda: Chains(CALLER, Faults(crashes=1)), 11_000),
    Bound(
        "objects, one calls another: zombie, lost reply",
        lambda: Chains(CALLER[:3], Faults(lease_ends=1, lost_replies=1)),
        6_000,
    ),
    Bound(
        "objects in a circle: zombie, lost reply", lambda: Chains(CIRCLE, Faults(lease_ends=1, lost_replies=1)), 7_000
    ),
    Bound(
        "objects that cross, cancelled in the end: crash",
        lambda: Chains(CROSSING, Faults(crashes=1), rescued=True),
        9_000,
    ),
    Bound("partitions: cancel", lambda: Slots(Faults(cancels=1)), 170),
    Bound("partitions: rollback of either, cancel", lambda: Slots(Faults(rollbacks=1, cancels=1)), 4_000),
]

#: The same farther out: minutes, for `python -m tests.model farther`.
FARTHER = [
    Bound(
        "execution: 2 crashes, 2 zombies, lost reply",
        lambda: Executions(Faults(crashes=2, lease_ends=2, lost_replies=1)),
        500_000,
    ),
    Bound(
        "execution: rollback, crash, zombie", lambda: Executions(Faults(rollbacks=1, crashes=1, lease_ends=1)), 300_000
    ),
    Bound(
        "object, 4 calls: crash, 2 zombies, lost reply",
        lambda: Objects(4, Faults(crashes=1, lease_ends=2, lost_replies=1)),
        200_000,
    ),
    Bound(
        "objects, one calls another: zombie, lost reply",
        lambda: Chains(CALLER, Faults(lease_ends=1, lost_replies=1)),
        170_000,
    ),
    Bound("partitions: 2 rollbacks, cancel", lambda: Slots(Faults(rollbacks=2, cancels=1)), 40_000),
]


def _executions(mutant: executions.Mutant, by: str, **budget: int) -> Found:
    return Found(mutant, lambda broken: Executions(Faults(**budget), broken), by)


def _objects(mutant: objects.Mutant, by: str, *, delayed: tuple[int, ...] = (), **budget: int) -> Found:
    return Found(mutant, lambda broken: Objects(3, Faults(**budget), broken, delayed=delayed), by)


def _chains(mutant: chains.Mutant, by: str, plans: tuple[chains.Plan, ...] = CALLER, **budget: int) -> Found:
    return Found(mutant, lambda broken: Chains(plans, Faults(**budget), broken), by)


def _slots(mutant: slots.Mutant, by: str, **budget: int) -> Found:
    return Found(mutant, lambda broken: Slots(Faults(**budget), broken), by)


MUTANTS = [
    _executions(executions.Mutant.NO_FENCE, executions.ONE_HOLDER, lease_ends=1),
    _executions(executions.Mutant.NO_FENCE, executions.NO_FURTHER, lease_ends=1),
    _executions(executions.Mutant.NO_NONCE, executions.ONE_HOLDER, rollbacks=1),
    _executions(executions.Mutant.NO_CURSOR, executions.IN_ORDER, rollbacks=1),
    _executions(executions.Mutant.NO_SWEEP, WITHIN_REACH),
    _executions(executions.Mutant.CLAIMS_ANYTHING, executions.ONCE),
    _executions(executions.Mutant.CLAIMS_ANYTHING, executions.AGAIN),
    _executions(executions.Mutant.WAKES_LATER, WITHIN_REACH, crashes=1),
    _executions(executions.Mutant.BLIND_SUSPEND, WITHIN_REACH),
    _executions(executions.Mutant.TELLS_AT_ONCE, executions.BELOW_FIRST, cancels=1),
    _executions(executions.Mutant.GOES_ON, executions.BELOW_FIRST, cancels=1, lost_replies=1),
    _objects(objects.Mutant.NO_FENCE, objects.ZOMBIE, lease_ends=1),
    _objects(objects.Mutant.NO_NONCE, objects.ONE_HOLDER, rollbacks=1),
    _objects(objects.Mutant.NO_SWEEP, WITHIN_REACH),
    _objects(objects.Mutant.NO_MAILBOX_CHECK, objects.HEAD),
    _objects(objects.Mutant.NO_MAILBOX_CHECK, objects.ONE_ACTIVE),
    _objects(objects.Mutant.NO_MAILBOX_CHECK, objects.BEGUN_IN_ORDER),
    _objects(objects.Mutant.STATE_APART, objects.ONCE, crashes=1),
    _objects(objects.Mutant.STATE_APART, objects.TOGETHER),
    _objects(objects.Mutant.UNFENCED_STATE, objects.ZOMBIE, lease_ends=1),
    _objects(objects.Mutant.NEXT_ASLEEP, WITHIN_REACH),
    _objects(objects.Mutant.CANCELLED_STAYS, WITHIN_REACH, cancels=1),
    _objects(objects.Mutant.HEAD_CANCELLED_QUIETLY, WITHIN_REACH, cancels=1),
    _objects(objects.Mutant.DELAYED_APART, objects.HEAD, delayed=(0,)),
    _objects(objects.Mutant.DELAYED_FORGOTTEN, WITHIN_REACH, delayed=(0,)),
    _objects(objects.Mutant.PARKED_STEPS_ASIDE, objects.ENDED_IN_ORDER, parks=1),
    _chains(chains.Mutant.CHAIN_NOT_REFUSED, WITHIN_REACH, CIRCLE),
    _chains(chains.Mutant.NO_MAILBOX_CHECK, chains.ONE_HOLDER),
    _chains(chains.Mutant.NO_MAILBOX_CHECK, chains.IN_ORDER),
    _chains(chains.Mutant.ASLEEP_LEAVES, chains.KEEPS_PLACE),
    _chains(chains.Mutant.WAKES_LATER, WITHIN_REACH, crashes=1),
    _chains(chains.Mutant.BLIND_SUSPEND, WITHIN_REACH),
    _chains(chains.Mutant.NEXT_ASLEEP, WITHIN_REACH),
    _slots(slots.Mutant.ACK_BEFORE_DELIVERY, WITHIN_REACH),
    _slots(slots.Mutant.NO_ANTI_ENTROPY, WITHIN_REACH, rollbacks=1),
    _slots(slots.Mutant.ASKS_WITHOUT_THE_CALL, WITHIN_REACH, rollbacks=1),
    _slots(slots.Mutant.NOT_IDEMPOTENT, slots.ONCE),
    _slots(slots.Mutant.NOT_IDEMPOTENT, slots.COUNTED),
    _slots(slots.Mutant.LATE_IS_NOT_TOLD, WITHIN_REACH, rollbacks=1),
]
