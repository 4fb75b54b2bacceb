"""The durable promise: its states, its legal transitions, and its record. Pure values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The five states of the Durable Promise specification; every one but PENDING is final."""

    PENDING = "pending"
    RESOLVED = "resolved"
    REJECTED = "rejected"
    CANCELED = "rejected_canceled"
    TIMEDOUT = "rejected_timedout"

    @property
    def settled(self) -> bool:
        return self is not State.PENDING

    @property
    def code(self) -> str:
        """The letter the store keeps for it."""
        return _CODES[self]

    @staticmethod
    def of(code: str) -> State:
        """The state a store's letter stands for."""
        return _STATES[code]


_CODES = {State.PENDING: "P", State.RESOLVED: "R", State.REJECTED: "X", State.CANCELED: "C", State.TIMEDOUT: "T"}
_STATES = {code: state for state, code in _CODES.items()}


class Phase(StrEnum):
    """Where an execution stands while its promise is pending."""

    NONE = "-"  # an external promise: nobody executes it
    READY = "Y"
    ACQUIRED = "A"
    SUSPENDED = "S"
    QUEUED = "Q"  # behind others in the mailbox of its virtual object
    PARKED = "H"
    DONE = "F"


class Access(StrEnum):
    """What a call may do with the state of its virtual object or workflow."""

    SHARED = ""  # read it
    EXCLUSIVE = "X"  # one at a time, in order of acceptance; what it changes is written with its result
    OWNER = "O"  # a workflow's run: the only writer there will ever be, whose state lives as long as its record


#: What a person reads for a pending execution; http.md calls it `status`.
_PENDING_STATUS = {
    Phase.NONE: "pending",
    Phase.READY: "queued",
    Phase.ACQUIRED: "running",
    Phase.SUSPENDED: "suspended",
    Phase.QUEUED: "queued",
    Phase.PARKED: "parked",
    Phase.DONE: "pending",
}
_SETTLED_STATUS = {
    State.RESOLVED: "succeeded",
    State.REJECTED: "failed",
    State.CANCELED: "cancelled",
    State.TIMEDOUT: "timed_out",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """The record of one promise, as a store answers it: always projected, so a passed deadline shows.

    Payloads (`args`, `value`, `progress`) are the codec's text. Times are epoch milliseconds;
    `cancel_at` is when the grace of a cancellation ends, None when nobody asked for one.
    """

    id: str
    state: State
    phase: Phase = Phase.NONE
    function: str = ""
    version: int = 1
    args: str = ""
    digest: str = ""
    value: str = ""
    queue: str = ""
    priority: str = ""
    canvas: str = ""
    parent: str = ""
    tree: str = ""
    holder: str | None = None
    attempt: int = 0
    crashes: int = 0
    reason: str = ""
    running: str = ""
    progress: str = ""
    tags: str = ""
    key_for_create: str = ""
    key_for_settle: str = ""
    mirror: bool = False
    mirrored: bool = False
    created_at: int = 0
    started_at: int | None = None
    settled_at: int | None = None
    deadline_at: int | None = None
    not_before_at: int | None = None
    cancel_at: int | None = None
    #: Of a call to a virtual object or workflow: which one, and what it may do there.
    object: str = ""
    access: Access = Access.SHARED
    held: str = ""
    #: Of a task child: when its message was last published, and how often.
    sent_at: int | None = None
    sends: int = 0
    #: How many lines it has logged, those included that are not kept any more.
    logged: int = 0

    @property
    def status(self) -> str:
        """One word for people: queued, running, suspended, parked, succeeded, failed, cancelled, timed_out."""
        if self.state.settled:
            return _SETTLED_STATUS[self.state]
        return _PENDING_STATUS[self.phase]

    @property
    def is_execution(self) -> bool:
        """Whether a function settles it; otherwise it is settled from outside."""
        return self.function != ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a promise or a step ended: a final state and the codec's text of its value or error."""

    state: State
    value: str

    @property
    def resolved(self) -> bool:
        return self.state is State.RESOLVED
