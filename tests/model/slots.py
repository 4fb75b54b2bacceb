"""The model of calls between two partitions, which no script can write together, and either of which may lose its tail.

In partition a a caller sends a call and makes another one that it waits for; both are of one object in partition b.
Every message is an entry of its sender's outbox first, and stays there until its receiver has acknowledged it. It may
arrive as long as it is there, and copies of it at any time after, acknowledgements too: nothing relies on a copy.
What happens inside of a partition is one step here, attempts that crash included: other models look into that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import NamedTuple

from tests.model.explorer import Step
from tests.model.faults import Faults

#: Messages from a to b, and from b to a. The sent one is waited for by nobody.
SENT, CALLED, OUTCOME = "send", "call", "outcome"
CALLS = (SENT, CALLED)

ONCE = "a call is performed once, and again only when its partition lost its tail"
COUNTED = "the object's state counts the calls that were performed"


class Mutant(Enum):
    """One rule of the protocol left out."""

    ACK_BEFORE_DELIVERY = "an entry leaves the outbox when its message leaves"
    NO_ANTI_ENTROPY = "who waits does not ask again"
    ASKS_WITHOUT_THE_CALL = "who asks again registers for the outcome only, and does not repeat the call"
    NOT_IDEMPOTENT = "a message that comes again is taken for another one"
    LATE_IS_NOT_TOLD = "who asks for an outcome that is there is not told"


class Caller(NamedTuple):
    """Partition a: the caller with its journal, and the outbox."""

    phase: str = "active"
    journal: frozenset[str] = frozenset()
    outbox: frozenset[str] = frozenset()


class Object(NamedTuple):
    """Partition b: the object's calls with their phases (absent, pending, done), its mailbox, its state, the outbox."""

    phases: tuple[str, str] = ("absent", "absent")
    mailbox: tuple[str, ...] = ()
    value: int = 0
    awaited: bool = False
    outbox: frozenset[str] = frozenset()


class State(NamedTuple):
    """Both partitions, the copies under way, how often b lost its tail, and how often calls were really performed."""

    a: Caller
    b: Object
    under_way: frozenset[str]
    left: Faults
    saved_a: Caller | None
    saved_b: Object | None
    b_lost: int
    performed: tuple[int, int]


class Slots:
    """The model; `budget.rollbacks` is for both partitions together. `strict` asks for more than can be had."""

    def __init__(self, budget: Faults, mutant: Mutant | None = None, *, strict: bool = False) -> None:
        self.budget, self.mutant, self.strict = budget, mutant, strict

    @property
    def laws(self) -> Mapping[str, Callable[[State], bool]]:
        return {
            ONCE: lambda state: max(state.performed) <= 1 + state.b_lost,
            COUNTED: lambda state: state.b.value == state.b.phases.count("done"),
        }

    def initial(self) -> list[State]:
        return [State(Caller(), Object(), frozenset(), self.budget, None, None, 0, (0, 0))]

    def goal(self, state: State) -> bool:
        """All is performed and told. What b acknowledged and lost, and nobody waits for, is lost."""
        if state.a.phase not in {"done", "canceled"} or state.a.outbox or state.b.outbox or state.b.mailbox:
            return False
        begun = [call for call in CALLS if call in state.a.journal]
        return (state.b_lost > 0 and not self.strict) or all(phase_of(state.b, call) == "done" for call in begun)

    def steps(self, state: State) -> Iterator[Step[State]]:
        yield from self._called(state)
        if state.b.mailbox:
            yield Step(f"b performs {state.b.mailbox[0]}", self._performed(state))
        yield from self._delivered(state)
        yield from self._rolled_back(state)

    def _called(self, state: State) -> Iterator[Step[State]]:
        """What the caller does next; an entry of the journal and its message are one script."""
        a = state.a
        for call in CALLS:
            if a.phase == "active" and call not in a.journal:
                written = a._replace(journal=a.journal | {call}, outbox=a.outbox | {call})
                yield Step(f"a writes {call}", state._replace(a=written))
                return
        if a.phase == "active":
            phase = "done" if OUTCOME in a.journal else "suspended"
            yield Step(f"caller {phase}", state._replace(a=a._replace(phase=phase)))
        waits = a.phase == "suspended" and CALLED not in a.outbox
        if waits and self.mutant is not Mutant.NO_ANTI_ENTROPY:
            yield Step("a asks again", state._replace(a=a._replace(outbox=a.outbox | {self._question()})))
        if a.phase in {"active", "suspended"} and state.left.cancels:
            ended = state._replace(a=a._replace(phase="canceled"), left=state.left.without("cancels"))
            yield Step("cancel the caller", ended, fault=True)

    def _question(self) -> str:
        return "register" if self.mutant is Mutant.ASKS_WITHOUT_THE_CALL else CALLED

    def _performed(self, state: State) -> State:
        """The head of the mailbox is performed; who waits for it is told by the outbox."""
        call, b = state.b.mailbox[0], state.b
        b = with_phase(b, call, "done")._replace(mailbox=b.mailbox[1:], value=b.value + 1)
        if call == CALLED and b.awaited:
            b = b._replace(outbox=b.outbox | {OUTCOME})
        sent, called = state.performed
        return state._replace(b=b, performed=(sent + (call == SENT), called + (call == CALLED)))

    def _delivered(self, state: State) -> Iterator[Step[State]]:
        waiting, early = state.a.outbox | state.b.outbox, self.mutant is Mutant.ACK_BEFORE_DELIVERY
        for message in sorted(waiting):
            if early:
                sent = state._replace(under_way=state.under_way | {message})
                yield Step(f"{message} leaves", acknowledged(sent, message))
            else:
                yield Step(f"{message} arrives", self._arrived(state, message))
        for message in sorted(state.under_way):
            if message.startswith("ack "):
                if message.removeprefix("ack ") in waiting:
                    yield Step(f"{message} arrives", acknowledged(state, message.removeprefix("ack ")))
            elif message not in waiting:
                yield Step(f"a copy of {message} arrives", self._arrived(state, message), fault=not early)
                if early:
                    lost = state._replace(under_way=state.under_way - {message})
                    yield Step(f"{message} lost", lost, fault=True)

    def _arrived(self, state: State, message: str) -> State:
        """What the receiver makes of a message: what it knows already changes nothing, and is acknowledged again."""
        if message == OUTCOME:
            state = state._replace(a=told(state.a))
        elif message == "register":
            state = state._replace(b=self._asked(state.b))
        else:
            state = self._accepted(state, message)
        return state._replace(under_way=state.under_way | {message, f"ack {message}"})

    def _accepted(self, state: State, call: str) -> State:
        b = state.b
        again = self.mutant is Mutant.NOT_IDEMPOTENT and phase_of(b, call) == "done"
        if phase_of(b, call) == "absent" or again:
            b = with_phase(b, call, "pending")._replace(mailbox=(*b.mailbox, call))
        return state._replace(b=self._asked(b) if call == CALLED else b)

    def _asked(self, b: Object) -> Object:
        """Somebody waits for the outcome: now, or when it is there."""
        if phase_of(b, CALLED) == "pending":
            return b._replace(awaited=True)
        if phase_of(b, CALLED) == "done" and self.mutant is not Mutant.LATE_IS_NOT_TOLD:
            return b._replace(outbox=b.outbox | {OUTCOME})
        return b

    def _rolled_back(self, state: State) -> Iterator[Step[State]]:
        if not state.left.rollbacks:
            return
        left = state.left.without("rollbacks")
        after = state._replace(left=left, under_way=state.under_way | state.a.outbox | state.b.outbox)
        if state.saved_a not in {None, state.a}:
            yield Step("rollback of a", after._replace(a=state.saved_a, saved_a=None), fault=True)
        if state.saved_b not in {None, state.b}:
            yield Step(
                "rollback of b", after._replace(b=state.saved_b, saved_b=None, b_lost=state.b_lost + 1), fault=True
            )
        saved = (state.saved_a is not None) + (state.saved_b is not None)
        if state.saved_a is None and saved < state.left.rollbacks:
            yield Step("what a has written is on disk", state._replace(saved_a=state.a), fault=True)
        if state.saved_b is None and saved < state.left.rollbacks:
            yield Step("what b has written is on disk", state._replace(saved_b=state.b), fault=True)


def phase_of(b: Object, call: str) -> str:
    return b.phases[CALLS.index(call)]


def with_phase(b: Object, call: str, phase: str) -> Object:
    sent, called = b.phases
    return b._replace(phases=(phase, called) if call == SENT else (sent, phase))


def told(a: Caller) -> Caller:
    """An outcome that is waited for is written once; it wakes the caller."""
    if CALLED not in a.journal or OUTCOME in a.journal or a.phase not in {"active", "suspended"}:
        return a
    return a._replace(journal=a.journal | {OUTCOME}, phase="active")


def acknowledged(state: State, message: str) -> State:
    """The entry is removed from the outbox in which it is."""
    a, b = state.a, state.b
    return state._replace(a=a._replace(outbox=a.outbox - {message}), b=b._replace(outbox=b.outbox - {message}))
