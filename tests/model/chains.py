"""The model of virtual objects that call each other: a handler holds its key while it waits for another object's.

Each call is of one object; it may call one other and wait for it, and then it ends. A call that would wait for an
object that its own callers hold is refused, and its caller ends all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import NamedTuple

from tests.model.explorer import Step
from tests.model.faults import Faults, Token, fresh

KEEPS_PLACE = "who has begun is the head of its mailbox until it has ended"
ONE_HOLDER = "at most one valid holder"
IN_ORDER = "handlers of an object begin in the order of acceptance"


class Mutant(Enum):
    """One rule of the store left out."""

    CHAIN_NOT_REFUSED = "a call that comes back to an object of its own callers is accepted"
    NO_MAILBOX_CHECK = "a claim does not ask whether it is the head"
    ASLEEP_LEAVES = "a handler that waits leaves the mailbox"
    WAKES_LATER = "the caller is woken after the settlement, by another call"
    BLIND_SUSPEND = "suspending does not look whether the awaited is settled"
    NEXT_ASLEEP = "settling the head does not make the next one ready"


class Plan(NamedTuple):
    """What a call is of, and which call it makes, by its number; called ones have their caller's number."""

    object: str
    calls: int | None = None
    caller: int | None = None


class Call(NamedTuple):
    """The record of a call: absent, refused, queued, ready, acquired, suspended, done."""

    phase: str = "absent"
    token: Token = Token()
    awaiter: int = 0
    heard: bool = False


class Store(NamedTuple):
    """All calls, a mailbox for each object, and the order in which calls were begun."""

    calls: tuple[Call, ...]
    mailboxes: tuple[tuple[int, ...], ...]
    accepted: tuple[int, ...] = ()
    begun: tuple[int, ...] = ()


class Holder(NamedTuple):
    """An attempt in a worker; `waking` only in a mutant."""

    who: int
    token: Token
    waking: bool = False


class State(NamedTuple):
    store: Store
    hints: frozenset[int]
    holders: tuple[Holder, ...]
    left: Faults


#: A handler of A calls B and waits, while others call A and B.
CALLER = (Plan("A", calls=1), Plan("B", caller=0), Plan("A"), Plan("B"))
#: A calls B, and B calls A: this one must be refused.
CIRCLE = (Plan("A", calls=1), Plan("B", calls=2, caller=0), Plan("A", caller=1), Plan("A"))
#: A calls B while B, for somebody else, calls A: no chain comes back to itself, and yet both wait.
CROSSING = (Plan("A", calls=1), Plan("B", caller=0), Plan("B", calls=3), Plan("A", caller=2))


class Chains:
    """The model of these plans; with `rescued` somebody always cancels in the end what does not get on."""

    def __init__(
        self, plans: tuple[Plan, ...], budget: Faults, mutant: Mutant | None = None, *, rescued: bool = False
    ) -> None:
        self.plans, self.budget, self.mutant, self.rescued = plans, budget, mutant, rescued
        self.objects = sorted({plan.object for plan in plans})
        self.workers = 2

    @property
    def laws(self) -> Mapping[str, Callable[[State], bool]]:
        return {
            KEEPS_PLACE: self._keeps_place,
            ONE_HOLDER: self._one_holder,
            IN_ORDER: self._in_order,
        }

    def initial(self) -> list[State]:
        store = Store((Call(),) * len(self.plans), ((),) * len(self.objects))
        return [State(store, frozenset(), (), self.budget)]

    def goal(self, state: State) -> bool:
        """All roots are done, and so is everything that came of them."""
        done = {"done", "refused"}
        return all(
            call.phase in done or (call.phase == "absent" and plan.caller is not None)
            for plan, call in zip(self.plans, state.store.calls, strict=True)
        )

    def steps(self, state: State) -> Iterator[Step[State]]:
        for who, (plan, call) in enumerate(zip(self.plans, state.store.calls, strict=True)):
            if call.phase == "absent" and plan.caller is None:
                yield Step(f"accept {who}", self._entered(state, who))
            yield from self._tended(state, who, call)
            if who in state.hints:
                yield from self._claimed(state, who, call)
        for holder in state.holders:
            if state.left.crashes:
                yield Step("crash", move(state, holder)._replace(left=state.left.without("crashes")), fault=True)
            yield from self._worked(state, holder)

    def _mailbox(self, store: Store, who: int) -> tuple[int, ...]:
        return store.mailboxes[self.objects.index(self.plans[who].object)]

    def _with_mailbox(self, state: State, who: int, mailbox: tuple[int, ...]) -> State:
        at, before = self.objects.index(self.plans[who].object), state.store.mailboxes
        return state._replace(store=state.store._replace(mailboxes=(*before[:at], mailbox, *before[at + 1 :])))

    def _keeps_place(self, state: State) -> bool:
        begun = [who for who in state.store.begun if state.store.calls[who].phase != "done"]
        return all(self._mailbox(state.store, who)[:1] == (who,) for who in begun)

    def _one_holder(self, state: State) -> bool:
        valid = [self.plans[it.who].object for it in state.holders if current(state.store.calls[it.who], it)]
        return len(valid) == len(set(valid))

    def _in_order(self, state: State) -> bool:
        for name in self.objects:
            accepted = iter([who for who in state.store.accepted if self.plans[who].object == name])
            if not all(who in accepted for who in state.store.begun if self.plans[who].object == name):
                return False
        return True

    def _chain(self, who: int) -> set[str]:
        """The objects that are held until this call has ended: its own, and those of its callers."""
        plan = self.plans[who]
        return {plan.object} | (self._chain(plan.caller) if plan.caller is not None else set())

    def _entered(self, state: State, who: int) -> State:
        mailbox = (*self._mailbox(state.store, who), who)
        state = put(self._with_mailbox(state, who, mailbox), who, Call("queued"))
        state = state._replace(store=state.store._replace(accepted=(*state.store.accepted, who)))
        return wake(state, who) if len(mailbox) == 1 else state._replace(hints=state.hints | {who})

    def _tended(self, state: State, who: int, call: Call) -> Iterator[Step[State]]:
        if call.phase == "ready" and who not in state.hints:
            yield Step(f"sweep publishes {who}", state._replace(hints=state.hints | {who}))
        if call.phase == "acquired":
            lapsed = put(state, who, call._replace(phase="ready", token=Token(call.token.epoch)))
            if not any(holder.who == who and holder.token == call.token for holder in state.holders):
                yield Step(f"lease on {who} ends", lapsed)
            elif state.left.lease_ends:
                yield Step(
                    f"lease on {who} ends early", lapsed._replace(left=state.left.without("lease_ends")), fault=True
                )
        if self.rescued and call.phase == "suspended":
            yield Step(f"cancel {who}", self._cancelled(state, who))

    def _cancelled(self, state: State, who: int) -> State:
        """The call, and what it waits for."""
        callee = self.plans[who].calls
        state = self._settled(state, who)
        if callee is None or state.store.calls[callee].phase in {"absent", "refused", "done"}:
            return state
        return self._cancelled(state, callee)

    def _claimed(self, state: State, who: int, call: Call) -> Iterator[Step[State]]:
        unhinted = state._replace(hints=state.hints - {who})
        yield Step(f"hint of {who} lost", unhinted, fault=True)
        if len(state.holders) == self.workers:
            return
        head = self._mailbox(state.store, who)[:1] == (who,) or self.mutant is Mutant.ASLEEP_LEAVES
        fits = call.phase == "ready" and head
        if self.mutant is Mutant.NO_MAILBOX_CHECK:
            fits = call.phase in {"ready", "queued"}
        if not fits:
            yield Step(f"hint of {who} dropped", unhinted)
            return
        taken = [holder.token for holder in state.holders] + [each.token for each in state.store.calls]
        token = Token(call.token.epoch + 1, fresh(taken))
        claimed = put(state, who, call._replace(phase="acquired", token=token))
        if who not in claimed.store.begun:
            claimed = claimed._replace(store=claimed.store._replace(begun=(*claimed.store.begun, who)))
        begun = claimed._replace(hints=unhinted.hints)
        yield Step(f"claim of {who}", enter(begun, Holder(who, token)))
        if state.left.lost_replies:
            unknown = begun._replace(left=state.left.without("lost_replies"))
            yield Step(f"claim of {who}, reply lost", unknown, fault=True)

    def _worked(self, state: State, holder: Holder) -> Iterator[Step[State]]:
        """Call the other object, wait for it, end."""
        call, callee = state.store.calls[holder.who], self.plans[holder.who].calls
        if holder.waking:
            yield Step(f"wake the caller of {holder.who}", move(self._delivered(state, holder.who), holder))
        elif not current(call, holder):
            yield Step(f"{holder.who} refused", move(state, holder))
        elif callee is None or call.heard or state.store.calls[callee].phase == "refused":
            yield from self._ended(state, holder)
        elif state.store.calls[callee].phase == "absent":
            yield from self._answered(
                state, f"{holder.who} calls {callee}", self._called(state, holder.who, callee), holder
            )
        else:
            yield from self._awaited(state, holder, callee)

    @staticmethod
    def _answered(
        state: State, label: str, done: State, holder: Holder, *, leaves: bool = False
    ) -> Iterator[Step[State]]:
        yield Step(label, move(done, holder) if leaves else done)
        if state.left.lost_replies:
            yield Step(f"{label}, reply lost", done._replace(left=state.left.without("lost_replies")), fault=True)

    def _called(self, state: State, who: int, callee: int) -> State:
        """A refusal writes nothing in the store: every replay is refused again. Here it is noted to tell it apart."""
        if self.plans[callee].object in self._chain(who) and self.mutant is not Mutant.CHAIN_NOT_REFUSED:
            return put(state, callee, Call("refused"))
        return self._entered(state, callee)

    def _awaited(self, state: State, holder: Holder, callee: int) -> Iterator[Step[State]]:
        call, awaited = state.store.calls[holder.who], state.store.calls[callee]
        if awaited.phase == "done" and self.mutant is not Mutant.BLIND_SUSPEND:
            heard = put(state, holder.who, call._replace(heard=True))
            yield from self._answered(state, f"{holder.who} finds its outcome", heard, holder)
            return
        asleep = put(state, holder.who, call._replace(phase="suspended"))
        asleep = put(asleep, callee, awaited._replace(awaiter=call.token.epoch))
        if self.mutant is Mutant.ASLEEP_LEAVES:
            asleep = self._left(asleep, holder.who)
        yield from self._answered(state, f"{holder.who} waits", asleep, holder, leaves=True)

    def _ended(self, state: State, holder: Holder) -> Iterator[Step[State]]:
        done, label = self._settled(state, holder.who), f"fulfil {holder.who}"
        if self.mutant is Mutant.WAKES_LATER and self.plans[holder.who].caller is not None:
            yield Step(label, enter(move(done, holder), holder._replace(waking=True)))
        else:
            yield from self._answered(state, label, done, holder, leaves=True)

    def _settled(self, state: State, who: int) -> State:
        """The one transition to done: the outcome is delivered, and the next in the mailbox is ready."""
        state = put(state, who, state.store.calls[who]._replace(phase="done"))
        if self.mutant is not Mutant.WAKES_LATER:
            state = self._delivered(state, who)
        return self._left(state, who)

    def _delivered(self, state: State, who: int) -> State:
        caller, epoch = self.plans[who].caller, state.store.calls[who].awaiter
        if caller is None or not epoch or state.store.calls[caller].phase == "done":
            return state
        awaiter = state.store.calls[caller]._replace(heard=True)
        state = put(state, caller, awaiter)
        return wake(state, caller) if awaiter.phase == "suspended" and awaiter.token.epoch == epoch else state

    def _left(self, state: State, who: int) -> State:
        before = self._mailbox(state.store, who)
        after = tuple(other for other in before if other != who)
        state = self._with_mailbox(state, who, after)
        promoted = before[:1] == (who,) and after and state.store.calls[after[0]].phase == "queued"
        return wake(state, after[0]) if promoted and self.mutant is not Mutant.NEXT_ASLEEP else state


def current(call: Call, holder: Holder) -> bool:
    return call.phase == "acquired" and call.token == holder.token


def put(state: State, who: int, call: Call) -> State:
    calls = state.store.calls
    return state._replace(store=state.store._replace(calls=(*calls[:who], call, *calls[who + 1 :])))


def wake(state: State, who: int) -> State:
    ready = put(state, who, state.store.calls[who]._replace(phase="ready"))
    return ready._replace(hints=ready.hints | {who})


def enter(state: State, holder: Holder) -> State:
    return state._replace(holders=tuple(sorted((*state.holders, holder))))


def move(state: State, holder: Holder) -> State:
    """The holder is gone."""
    rest = list(state.holders)
    rest.remove(holder)
    return state._replace(holders=tuple(rest))
