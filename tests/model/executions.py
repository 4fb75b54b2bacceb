"""The model of an execution and its child: two workers, a broker that loses and duplicates, and all else that fails.

The parent runs two steps, spawns a child, awaits it and ends; the child runs one step and ends. Every verb of the
store is one step here, as it is one script there. A holder is what a worker has in its memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum

from tests.model.explorer import Step
from tests.model.faults import Faults, Token, fresh
from tests.model.records import (
    CHILD,
    ENTRIES,
    OUTCOME,
    PARENT,
    PROGRAMS,
    Holder,
    Record,
    State,
    current,
    cursor,
    deliver,
    enter,
    free,
    hint,
    leave,
    move,
    pending,
    put,
    resume_at,
    tokens,
    wake,
)

ONE_HOLDER = "at most one valid holder"
ONCE = "without a fault each step runs once"
AGAIN = "a step runs again at most once for each fault"
NO_FURTHER = "who lost the lease starts at most one more step"
IN_ORDER = "the journal is a beginning of the program"
BELOW_FIRST = "a body is told of its cancellation when nothing below it is pending"


class Mutant(Enum):
    """One rule of the store left out."""

    NO_FENCE = "writes are accepted from anybody"
    NO_NONCE = "a token is an epoch and nothing else"
    NO_CURSOR = "writes do not say how much of the journal was read"
    NO_SWEEP = "what is ready is published once"
    CLAIMS_ANYTHING = "a claim does not ask for a ready one"
    WAKES_LATER = "the awaiter is woken after the settlement, by another call"
    BLIND_SUSPEND = "suspending does not look whether the awaited is settled"
    TELLS_AT_ONCE = "a body is told although something below it is pending"
    GOES_ON = "who was not answered whether to tell the body goes on with the body"


class Executions:
    """The model; `budget` says how much goes wrong."""

    def __init__(self, budget: Faults, mutant: Mutant | None = None, workers: int = 2) -> None:
        self.budget, self.mutant, self.workers = budget, mutant, workers

    @property
    def laws(self) -> Mapping[str, Callable[[State], bool]]:
        return {
            ONE_HOLDER: self._one_holder,
            ONCE: lambda state: state.left != self.budget or max(state.runs) <= 1,
            AGAIN: lambda state: max(state.runs) <= 1 + sum(self.budget) - sum(state.left),
            NO_FURTHER: lambda state: all(holder.stale <= 1 for holder in state.holders),
            IN_ORDER: self._in_order,
            BELOW_FIRST: lambda state: not (state.store[PARENT].told and pending(state.store[CHILD])),
        }

    def initial(self) -> list[State]:
        accepted = Record(phase="ready")
        return [State((accepted, Record()), (True, False), (), self.budget, None, (0, 0, 0))]

    def goal(self, state: State) -> bool:
        parent, child = state.store
        return parent.state != "pending" and not pending(child)

    def steps(self, state: State) -> Iterator[Step[State]]:
        for who in (PARENT, CHILD):
            yield from self._tended(state, who)
            if state.hints[who]:
                yield from self._claimed(state, who)
        yield from self._rolled_back(state)
        yield from self._cancelled(state)
        for holder in state.holders:
            if state.left.crashes:
                yield Step("crash", leave(state, holder)._replace(left=state.left.without("crashes")), fault=True)
            yield from self._worked(state, holder)

    def _one_holder(self, state: State) -> bool:
        valid = [holder.who for holder in state.holders if self._fenced(state.store[holder.who], holder)]
        return len(valid) == len(set(valid))

    @staticmethod
    def _in_order(state: State) -> bool:
        for record, entries in zip(state.store, ENTRIES, strict=True):
            written = cursor(record)
            if not record.journal.issuperset(entries[:written]) or (
                record.state == "resolved" and written < len(entries)
            ):
                return False
        return True

    def _fenced(self, record: Record, holder: Holder) -> bool:
        return self.mutant is Mutant.NO_FENCE or current(record, holder)

    def _held(self, record: Record, holder: Holder) -> bool:
        """The guard of every write: the token, and as much journal as the holder has read and written.

        One entry more is its own, if it is the one that it writes now: it had no reply.
        """
        if record.state != "pending" or not self._fenced(record, holder):
            return False
        program = PROGRAMS[holder.who]
        known = sum(entry in ENTRIES[holder.who] for entry in program[: holder.at])
        mine = program[holder.at] in record.journal and cursor(record) == known + 1
        return mine or cursor(record) == known or holder.told or self.mutant is Mutant.NO_CURSOR

    def _tended(self, state: State, who: int) -> Iterator[Step[State]]:
        """What time and the sweep do to one record."""
        record, name = state.store[who], ("the parent", "the child")[who]
        if record.phase == "ready" and not state.hints[who] and self.mutant is not Mutant.NO_SWEEP:
            yield Step(f"sweep publishes {name}", hint(state, who))
        if record.phase == "acquired":
            alive = any(holder.who == who and holder.token == record.token for holder in state.holders)
            lapsed = state._replace(store=put(state.store, who, record._replace(phase="ready", token=free(record))))
            if not alive:
                yield Step(f"lease on {name} ends", lapsed)
            elif state.left.lease_ends:
                yield Step(
                    f"lease on {name} ends early", lapsed._replace(left=state.left.without("lease_ends")), fault=True
                )

    def _claimed(self, state: State, who: int) -> Iterator[Step[State]]:
        """A worker takes a hint. It may be lost on the way, and there may be another one."""
        unhinted, name = hint(state, who, there=False), ("the parent", "the child")[who]
        yield Step(f"hint of {name} lost", unhinted, fault=True)
        if len(state.holders) == self.workers:
            return
        record = state.store[who]
        fit = record.phase == "ready" or (self.mutant is Mutant.CLAIMS_ANYTHING and record.phase != "absent")
        if record.state != "pending" or not fit:
            yield Step(f"hint of {name} dropped", unhinted)
            return
        token = Token(record.token.epoch + 1, 0 if self.mutant is Mutant.NO_NONCE else fresh(tokens(state)))
        store = put(state.store, who, record._replace(phase="acquired", token=token))
        begun = enter(state._replace(store=store), Holder(who, token, resume_at(who, record), told=record.told))
        yield Step(f"claim of {name}", begun)
        yield Step(f"claim of {name}, hint left", begun._replace(hints=unhinted.hints))
        if state.left.lost_replies:
            unknown = unhinted._replace(store=store, left=state.left.without("lost_replies"))
            yield Step(f"claim of {name}, reply lost", unknown, fault=True)

    def _rolled_back(self, state: State) -> Iterator[Step[State]]:
        if not state.left.rollbacks:
            return
        if state.saved is None:
            yield Step("what is written so far is on disk", state._replace(saved=state.store), fault=True)
        else:
            left = state.left.without("rollbacks")
            yield Step("rollback", state._replace(store=state.saved, saved=None, left=left), fault=True)

    def _cancelled(self, state: State) -> Iterator[Step[State]]:
        parent, child = state.store
        if parent.cancelled and (parent.state == "pending" or pending(child)):
            yield Step("the grace ends", self._killed(state), fault=True)
        if not state.left.cancels or parent.state != "pending":
            return
        asked = state._replace(left=state.left.without("cancels"))
        yield Step("cancel at once", self._killed(asked), fault=True)
        noted = asked._replace(store=(parent._replace(cancelled=True), child._replace(cancelled=pending(child))))
        for who in (CHILD, PARENT):
            noted = self._noticed(noted, who)
        yield Step("cancel with a grace", noted, fault=True)

    def _killed(self, state: State) -> State:
        for who in (PARENT, CHILD):
            if pending(state.store[who]):
                state = self._settled(state, who, "canceled")
        return state

    def _noticed(self, state: State, who: int) -> State:
        """What no code has begun is settled at once; what sleeps over nothing pending is woken."""
        if not pending(state.store[who]):
            return state
        if state.store[who].token.epoch == 0:
            return self._settled(state, who, "canceled")
        return self._told(state) if who == PARENT else state

    def _told(self, state: State) -> State:
        parent = state.store[PARENT]
        asleep = parent.phase == "suspended" and parent.cancelled and not parent.told
        return wake(state, PARENT) if asleep and not pending(state.store[CHILD]) else state

    def _settled(self, state: State, who: int, outcome: str) -> State:
        """The one transition out of pending; it delivers to who waits."""
        record = state.store[who]._replace(state=outcome, phase="done")
        state = hint(state._replace(store=put(state.store, who, record)), who, there=False)
        if who == PARENT or self.mutant is Mutant.WAKES_LATER:
            return state
        return self._told(deliver(state))

    def _worked(self, state: State, holder: Holder) -> Iterator[Step[State]]:
        """The next thing that an attempt does, and what comes of it."""
        what = PROGRAMS[holder.who][holder.at] if holder.at < len(PROGRAMS[holder.who]) else "wake"
        record = state.store[holder.who]
        if record.cancelled and not holder.told and self._held(record, holder):
            yield from self._heeded(state, holder)
        if holder.asking and self._held(record, holder):
            return
        if what.startswith("run") and not holder.told:
            yield Step(what, self._ran(state, holder, int(what[-1]) - 1))
        elif what == "wake":
            yield Step("wake the parent", leave(deliver(state), holder))
        elif not self._held(record, holder):
            yield Step(f"{what} refused", leave(state, holder))
        elif holder.told:
            yield from self._answered(
                state, "end as cancelled", self._settled(state, holder.who, "canceled"), holder, None
            )
        elif what == "end":
            further = holder._replace(at=holder.at + 1) if self.mutant is Mutant.WAKES_LATER and holder.who else None
            yield from self._answered(state, what, self._settled(state, holder.who, "resolved"), holder, further)
        elif what == "await":
            yield from self._awaited(state, holder)
        else:
            done = self._wrote(state, holder.who, what)
            stale = 0 if current(record, holder) else holder.stale
            yield from self._answered(state, what, done, holder, holder._replace(at=holder.at + 1, stale=stale))

    @staticmethod
    def _answered(
        state: State, label: str, done: State, holder: Holder, after: Holder | None, unanswered: Holder | None = None
    ) -> Iterator[Step[State]]:
        """What the store did reaches the holder, or it does not, and the holder will ask again."""
        yield Step(label, move(done, holder, after))
        if state.left.lost_replies:
            waiting = move(done, holder, unanswered) if unanswered else done
            yield Step(f"{label}, reply lost", waiting._replace(left=state.left.without("lost_replies")), fault=True)

    @staticmethod
    def _ran(state: State, holder: Holder, step: int) -> State:
        stale = holder.stale + (not current(state.store[holder.who], holder))
        runs = list(state.runs)
        runs[step] += 1
        further = holder._replace(at=holder.at + 1, stale=stale)
        return move(state, holder, further)._replace(runs=(runs[0], runs[1], runs[2]))

    def _wrote(self, state: State, who: int, entry: str) -> State:
        record = state.store[who]
        state = state._replace(store=put(state.store, who, record._replace(journal=record.journal | {entry})))
        if entry != "spawn" or state.store[CHILD].phase != "absent":
            return state
        state = hint(state._replace(store=put(state.store, CHILD, Record(phase="ready"))), CHILD)
        doomed = record.cancelled and not record.told
        return self._settled(state, CHILD, "canceled") if doomed else state

    def _awaited(self, state: State, holder: Holder) -> Iterator[Step[State]]:
        parent, child = state.store
        if OUTCOME in parent.journal or (child.state != "pending" and self.mutant is not Mutant.BLIND_SUSPEND):
            there = parent._replace(journal=parent.journal | {OUTCOME})
            done = state._replace(store=(there, child))
            yield from self._answered(state, "await finds it", done, holder, holder._replace(at=holder.at + 1))
        elif child.phase == "absent":
            yield Step("await of an unknown one refused", leave(state, holder))
        elif not parent.cancelled:
            registered = child._replace(awaiter=parent.token.epoch)
            done = state._replace(store=(parent._replace(phase="suspended"), registered))
            yield from self._answered(state, "suspend", done, holder, None)

    def _heeded(self, state: State, holder: Holder) -> Iterator[Step[State]]:
        record = state.store[holder.who]
        below = holder.who == PARENT and pending(state.store[CHILD]) and not record.told
        asking = holder._replace(asking=self.mutant is not Mutant.GOES_ON)
        if below and self.mutant is not Mutant.TELLS_AT_ONCE:
            done = state._replace(store=put(state.store, holder.who, record._replace(phase="suspended")))
            yield from self._answered(state, "heed waits for the child", done, holder, None, asking)
        else:
            done = state._replace(store=put(state.store, holder.who, record._replace(told=True)))
            told = holder._replace(asking=False, told=True)
            yield from self._answered(state, "heed", done, holder, told, asking)
