"""The model of one virtual object: the calls to one key in their mailbox, two workers, and everything that fails.

A call reads the object's value when it is claimed and leaves one more than that, which is also its result. So the
value counts the calls, and the results tell in which order they were made. Calls are alike except for the delayed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import NamedTuple

from tests.model.explorer import Step
from tests.model.faults import Faults, Token, fresh

ONE_ACTIVE = "at most one handler of a key is active"
ONE_HOLDER = "at most one valid holder"
HEAD = "only the head of the mailbox is active"
BEGUN_IN_ORDER = "handlers begin in the order of acceptance"
ENDED_IN_ORDER = "handlers end in the order of acceptance"
ONCE = "each call changes the state exactly once"
TOGETHER = "a state and the result that goes with it are written together"
ZOMBIE = "a former holder's state never lands"


class Mutant(Enum):
    """One rule of the store left out."""

    NO_FENCE = "a result is accepted from anybody"
    NO_NONCE = "a token is an epoch and nothing else"
    NO_SWEEP = "what is ready is published once"
    NO_MAILBOX_CHECK = "a claim does not ask whether it is the head"
    STATE_APART = "the state is written before the result, by another call"
    UNFENCED_STATE = "the result is fenced, the state that comes with it is not"
    NEXT_ASLEEP = "settling the head does not make the next one ready"
    CANCELLED_STAYS = "a queued call that is cancelled stays in the mailbox"
    HEAD_CANCELLED_QUIETLY = "cancelling the head does not make the next one ready"
    DELAYED_APART = "a delayed call does not enter the mailbox"
    DELAYED_FORGOTTEN = "nobody looks whether a delay is over"
    PARKED_STEPS_ASIDE = "a parked head leaves the mailbox"


class Call(NamedTuple):
    """The record of a call: absent, delayed, due, queued, ready, acquired, parked, done."""

    phase: str = "absent"
    state: str = "pending"
    token: Token = Token()
    result: int = 0


class Store(NamedTuple):
    """One key with its calls; the last three say in which order calls were accepted, begun and ended."""

    calls: tuple[Call, ...]
    mailbox: tuple[int, ...] = ()
    value: int = 0
    accepted: tuple[int, ...] = ()
    begun: tuple[int, ...] = ()
    ended: tuple[int, ...] = ()


class Holder(NamedTuple):
    """An attempt in a worker, with the value that the claim gave it; `flushed` only in a mutant."""

    who: int
    token: Token
    seen: int
    flushed: bool = False


class State(NamedTuple):
    store: Store
    hints: frozenset[int]
    holders: tuple[Holder, ...]
    left: Faults
    saved: Store | None = None
    intruded: bool = False


class Objects:
    """The model: so many calls, the `delayed` among them by their numbers, and `budget` for what goes wrong."""

    def __init__(
        self,
        calls: int,
        budget: Faults,
        mutant: Mutant | None = None,
        *,
        delayed: tuple[int, ...] = (),
        workers: int = 2,
    ) -> None:
        self.count, self.budget, self.mutant = calls, budget, mutant
        self.delayed, self.workers = delayed, workers

    @property
    def laws(self) -> Mapping[str, Callable[[State], bool]]:
        return {
            ONE_ACTIVE: lambda state: sum(call.phase == "acquired" for call in state.store.calls) <= 1,
            ONE_HOLDER: lambda state: sum(self._fenced(state.store.calls[it.who], it) for it in state.holders) <= 1,
            HEAD: only_the_head,
            BEGUN_IN_ORDER: lambda state: in_order(state.store.begun, state.store.accepted),
            ENDED_IN_ORDER: lambda state: in_order(state.store.ended, state.store.accepted),
            ONCE: lambda state: counted_once(state.store, at_rest=self.goal(state)),
            TOGETHER: lambda state: state.store.value == len(state.store.ended),
            ZOMBIE: lambda state: not state.intruded,
        }

    def initial(self) -> list[State]:
        return [State(Store((Call(),) * self.count), frozenset(), (), self.budget)]

    def goal(self, state: State) -> bool:
        return all(call.state != "pending" for call in state.store.calls)

    def steps(self, state: State) -> Iterator[Step[State]]:
        yield from self._accepted(state)
        for who, call in enumerate(state.store.calls):
            if call.phase != "absent" and call.state == "pending":
                yield from self._tended(state, who, call)
                yield from self._parked(state, who, call)
                if state.left.cancels:
                    asked = state._replace(left=state.left.without("cancels"))
                    yield Step(f"cancel {who}", self._settled(asked, who, "canceled"), fault=True)
            if who in state.hints:
                yield from self._claimed(state, who, call)
        yield from self._rolled_back(state)
        for holder in state.holders:
            if state.left.crashes:
                yield Step("crash", move(state, holder)._replace(left=state.left.without("crashes")), fault=True)
            yield from self._worked(state, holder)

    def _fenced(self, call: Call, holder: Holder) -> bool:
        return self.mutant is Mutant.NO_FENCE or current(call, holder)

    def _accepted(self, state: State) -> Iterator[Step[State]]:
        """The order is that of the numbers: calls are alike but for this."""
        absent = [who for who, call in enumerate(state.store.calls) if call.phase == "absent"]
        if not absent:
            return
        who = absent[0]
        # A creator need not know whether its call is the head: it publishes a hint in any case.
        state = state._replace(hints=state.hints | {who})
        if who in self.delayed:
            yield Step(f"accept {who}, delayed", put(state, who, Call("delayed")))
        else:
            yield Step(f"accept {who}", self._entered(state, who))

    def _entered(self, state: State, who: int) -> State:
        """Into the mailbox; who finds it empty is ready."""
        store = state.store
        store = store._replace(mailbox=(*store.mailbox, who), accepted=(*store.accepted, who))
        state = put(state._replace(store=store), who, Call("queued"))
        return wake(state, who) if len(store.mailbox) == 1 else state

    def _tended(self, state: State, who: int, call: Call) -> Iterator[Step[State]]:
        """What time and the sweep do to one call."""
        if call.phase == "delayed":
            # A message with a delay may come on time; it finds the call due.
            due = put(state, who, call._replace(phase="due"))
            yield Step(f"the delay of {who} is over", due._replace(hints=due.hints | {who}))
        elif call.phase == "due" and self.mutant is not Mutant.DELAYED_FORGOTTEN:
            yield Step(f"sweep sees that {who} is due", self._came_due(state, who))
        elif call.phase == "ready" and who not in state.hints and self.mutant is not Mutant.NO_SWEEP:
            yield Step(f"sweep publishes {who}", state._replace(hints=state.hints | {who}))
        elif call.phase == "acquired":
            alive = any(holder.who == who and holder.token == call.token for holder in state.holders)
            lapsed = put(state, who, call._replace(phase="ready", token=Token(call.token.epoch)))
            if not alive:
                yield Step(f"lease on {who} ends", lapsed)
            elif state.left.lease_ends:
                yield Step(
                    f"lease on {who} ends early", lapsed._replace(left=state.left.without("lease_ends")), fault=True
                )

    def _came_due(self, state: State, who: int) -> State:
        return wake(state, who) if self.mutant is Mutant.DELAYED_APART else self._entered(state, who)

    def _parked(self, state: State, who: int, call: Call) -> Iterator[Step[State]]:
        if call.phase == "acquired" and state.left.parks:
            parked = put(state, who, call._replace(phase="parked", token=Token(call.token.epoch)))
            if self.mutant is Mutant.PARKED_STEPS_ASIDE:
                parked = self._left(parked, who)
            yield Step(f"park {who}", parked._replace(left=state.left.without("parks")), fault=True)
        if call.phase == "parked":
            yield Step(f"resume {who}", wake(state, who))

    def _claimed(self, state: State, who: int, call: Call) -> Iterator[Step[State]]:
        """A worker takes a hint. It may be lost on the way, and there may be another one."""
        unhinted = state._replace(hints=state.hints - {who})
        yield Step(f"hint of {who} lost", unhinted, fault=True)
        if len(state.holders) == self.workers:
            return
        if call.phase == "due" and self.mutant is not Mutant.DELAYED_FORGOTTEN:
            state = self._came_due(unhinted, who)
            call = state.store.calls[who]
        if not self._claimable(state.store, who, call):
            yield Step(f"hint of {who} dropped", state._replace(hints=unhinted.hints))
            return
        token = Token(call.token.epoch + 1, 0 if self.mutant is Mutant.NO_NONCE else fresh(tokens(state)))
        taken = put(state, who, call._replace(phase="acquired", token=token))
        if who not in taken.store.begun:
            taken = taken._replace(store=taken.store._replace(begun=(*taken.store.begun, who)))
        begun = enter(taken, Holder(who, token, taken.store.value))
        yield Step(f"claim of {who}", begun._replace(hints=unhinted.hints))
        yield Step(f"claim of {who}, hint left", begun)
        if state.left.lost_replies:
            unknown = taken._replace(hints=unhinted.hints, left=state.left.without("lost_replies"))
            yield Step(f"claim of {who}, reply lost", unknown, fault=True)

    def _claimable(self, store: Store, who: int, call: Call) -> bool:
        if call.state != "pending":
            return False
        if self.mutant is Mutant.NO_MAILBOX_CHECK:
            return call.phase in {"ready", "queued"}
        head = store.mailbox[:1] == (who,) or self.mutant in {Mutant.DELAYED_APART, Mutant.PARKED_STEPS_ASIDE}
        return call.phase == "ready" and head

    def _rolled_back(self, state: State) -> Iterator[Step[State]]:
        if not state.left.rollbacks:
            return
        if state.saved is None:
            yield Step("what is written so far is on disk", state._replace(saved=state.store), fault=True)
        else:
            left = state.left.without("rollbacks")
            yield Step("rollback", state._replace(store=state.saved, saved=None, left=left), fault=True)

    def _worked(self, state: State, holder: Holder) -> Iterator[Step[State]]:
        """The handler ends with its result, and with the state that it buffered."""
        call, what = state.store.calls[holder.who], f"fulfil {holder.who}"
        if self.mutant is Mutant.STATE_APART and not holder.flushed and self._fenced(call, holder):
            flushed = enter(move(state, holder), holder._replace(flushed=True))
            yield Step("flush", flushed._replace(store=state.store._replace(value=state.store.value + 1)))
            return
        accepted = call.state == "pending" and self._fenced(call, holder)
        if not accepted:
            if self.mutant is Mutant.UNFENCED_STATE:
                state = self._changed(state, holder)
            yield Step(f"{what} refused", move(state, holder))
            return
        done = put(self._changed(state, holder), holder.who, call._replace(result=holder.seen + 1))
        done = self._settled(done, holder.who, "resolved")
        yield Step(what, move(done, holder))
        if state.left.lost_replies:
            yield Step(f"{what}, reply lost", done._replace(left=state.left.without("lost_replies")), fault=True)

    @staticmethod
    def _changed(state: State, holder: Holder) -> State:
        """The state that a holder sends with its result."""
        value = state.store.value if holder.flushed else holder.seen + 1
        intruded = state.intruded or not current(state.store.calls[holder.who], holder)
        return state._replace(store=state.store._replace(value=value), intruded=intruded)

    def _settled(self, state: State, who: int, outcome: str) -> State:
        """The one transition out of pending; it leaves the mailbox."""
        call = state.store.calls[who]
        state = put(state, who, call._replace(phase="done", state=outcome))
        if outcome == "resolved":
            state = state._replace(store=state.store._replace(ended=(*state.store.ended, who)))
        elif self.mutant is Mutant.CANCELLED_STAYS and call.phase == "queued":
            return state
        return self._left(state, who, quietly=self._quiet(outcome))

    def _quiet(self, outcome: str) -> bool:
        cancelled = outcome == "canceled" and self.mutant is Mutant.HEAD_CANCELLED_QUIETLY
        return cancelled or self.mutant is Mutant.NEXT_ASLEEP

    @staticmethod
    def _left(state: State, who: int, *, quietly: bool = False) -> State:
        """Out of the mailbox; if it was the head, the next one is ready."""
        before = state.store.mailbox
        after = tuple(other for other in before if other != who)
        state = state._replace(store=state.store._replace(mailbox=after))
        was_head = before[:1] == (who,)
        fits = was_head and after and not quietly and state.store.calls[after[0]].phase == "queued"
        return wake(state, after[0]) if fits else state


def current(call: Call, holder: Holder) -> bool:
    return call.phase == "acquired" and call.token == holder.token


def only_the_head(state: State) -> bool:
    mailbox = state.store.mailbox
    return all(call.phase != "acquired" or mailbox[:1] == (who,) for who, call in enumerate(state.store.calls))


def in_order(events: tuple[int, ...], accepted: tuple[int, ...]) -> bool:
    """Whether these are a selection of the accepted, in the same order and without repetition."""
    rest = iter(accepted)
    return all(event in rest for event in events)


def counted_once(store: Store, *, at_rest: bool) -> bool:
    """Whether the results are 1, 2, … in the order of the endings, and the value in the end is the number of them."""
    results = [store.calls[who].result for who in store.ended]
    return results == list(range(1, len(results) + 1)) and (not at_rest or store.value == len(results))


def tokens(state: State) -> list[Token]:
    """Everything that may still be compared with a new one."""
    saved = state.saved.calls if state.saved else ()
    return [holder.token for holder in state.holders] + [call.token for call in (*state.store.calls, *saved)]


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
