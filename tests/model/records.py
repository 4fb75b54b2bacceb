"""What the model of executions is made of: records of the store, attempts of workers, and how they change."""

from __future__ import annotations

from typing import NamedTuple

from tests.model.faults import Faults, Token

PARENT, CHILD = 0, 1
#: `run` is the work itself, `write` its checkpoint.
PROGRAMS = (("run 1", "write 1", "run 2", "write 2", "spawn", "await", "end"), ("run 3", "write 3", "end"))
ENTRIES = (("write 1", "write 2", "spawn"), ("write 3",))
OUTCOME = "outcome of the child"


class Record(NamedTuple):
    """A record of the store with its journal; `awaiter` is the epoch in which the parent registered."""

    state: str = "pending"
    phase: str = "absent"
    token: Token = Token()
    journal: frozenset[str] = frozenset()
    awaiter: int = 0
    cancelled: bool = False
    told: bool = False


class Holder(NamedTuple):
    """An attempt in a worker: where it is in its program, and how many steps it began without a lease.

    `asking` says that it was not answered whether to tell its body: who gets no reply asks again, or is gone.
    """

    who: int
    token: Token
    at: int
    stale: int = 0
    asking: bool = False
    told: bool = False


Store = tuple[Record, Record]


class State(NamedTuple):
    store: Store
    hints: tuple[bool, bool]
    holders: tuple[Holder, ...]
    left: Faults
    saved: Store | None
    runs: tuple[int, int, int]


def put(store: Store, who: int, record: Record) -> Store:
    return (record, store[CHILD]) if who == PARENT else (store[PARENT], record)


def pending(record: Record) -> bool:
    return record.phase != "absent" and record.state == "pending"


def current(record: Record, holder: Holder) -> bool:
    return record.phase == "acquired" and record.token == holder.token


def cursor(record: Record) -> int:
    """How many entries the execution itself has written."""
    return len(record.journal - {OUTCOME})


def free(record: Record) -> Token:
    return Token(record.token.epoch)


def tokens(state: State) -> list[Token]:
    """Everything that may still be compared with a new one."""
    saved = state.saved or ()
    return [holder.token for holder in state.holders] + [record.token for record in (*state.store, *saved)]


def resume_at(who: int, record: Record) -> int:
    """Where a replay of the journal arrives."""
    for at, what in enumerate(PROGRAMS[who]):
        needed = what.replace("run", "write") if what != "await" else OUTCOME
        if needed not in record.journal:
            return at
    raise AssertionError("an execution that has ended is not claimed")


def hint(state: State, who: int, *, there: bool = True) -> State:
    hints = (there, state.hints[CHILD]) if who == PARENT else (state.hints[PARENT], there)
    return state._replace(hints=hints)


def wake(state: State, who: int) -> State:
    return hint(state._replace(store=put(state.store, who, state.store[who]._replace(phase="ready"))), who)


def deliver(state: State) -> State:
    """Put the child's outcome into the journal of a parent that registered; wake it if it still sleeps on that."""
    parent, child = state.store
    if not child.awaiter or parent.state != "pending" or OUTCOME in parent.journal:
        return state
    state = state._replace(store=(parent._replace(journal=parent.journal | {OUTCOME}), child))
    asleep = parent.phase == "suspended" and parent.token.epoch == child.awaiter
    return wake(state, PARENT) if asleep else state


def enter(state: State, holder: Holder) -> State:
    return state._replace(holders=tuple(sorted((*state.holders, holder))))


def leave(state: State, holder: Holder) -> State:
    return move(state, holder, None)


def move(state: State, holder: Holder, after: Holder | None) -> State:
    """The holder goes on as another, or is gone; holders are kept in order, so that workers are alike."""
    rest = list(state.holders)
    rest.remove(holder)
    return state._replace(holders=tuple(sorted([*rest, after] if after else rest)))
