"""The store's contract: one method per verb, and the guarantee is its docstring.

A store keeps promises, the journals of executions, and what is due. Every verb is
atomic. Verbs that a holder calls are fenced by its token (epoch and nonce, given at
`claim`) and, where they follow from what it has read, by the journal's cursor: they raise
`LeaseLost` and change nothing when another holds it, nobody does, or it is settled.

Time is the store's own. A passed deadline is applied before what a verb does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from durable_celery.errors import Expired, IdConflict
from durable_celery.looking import Lines, Looking
from durable_celery.newpromise import NewPromise
from durable_celery.presence import Presence
from durable_celery.promise import Outcome, Promise, State
from durable_celery.seal import Resealing
from durable_celery.tending import Tending

#: How long a ready execution waits for its hint before the sweep publishes it again.
GRACE_MS = 2000
#: The longest pause between two publications of the same ready execution.
MAX_BACKOFF_MS = 30_000


@dataclass(frozen=True, slots=True)
class Ready:
    """An execution that some worker should attempt: what a publisher needs to say so.

    `attempts` counts those made before; `canvas` is the envelope it came in, if any.
    """

    id: str
    function: str
    version: int
    queue: str
    priority: str
    canvas: str
    attempts: int = 0


class Birth(NamedTuple):
    """What `spawn` is told of one child: its entry in the parent's journal, and the new promise."""

    path: str
    entry: str
    child: NewPromise


class Creation(StrEnum):
    """What `create` found: a new record, one with the same idempotency key, or another."""

    FRESH = "OK"
    DEDUPLICATED = "DEDUP"
    EXISTS = "EXISTS"


@dataclass(frozen=True, slots=True)
class Created:
    how: Creation
    promise: Promise
    hinted: bool = False  # it was sent with the record

    @property
    def fresh(self) -> bool:
        return self.how is Creation.FRESH


#: What became of a birth: the record made or found, or why there is none.
Born = Created | IdConflict | Expired

#: A change to the state of a virtual object: a name and its new text, None to clear it.
Change = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Hold:
    """The right to attempt one execution: its id, the token that proves it, the lease's length."""

    id: str
    token: str
    lease_ms: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """An accepted claim: the hold, the record, the whole journal, and the store's time."""

    hold: Hold
    promise: Promise
    journal: dict[str, str]
    cursor: int
    now_ms: int
    #: Of an exclusive call: the state of its virtual object, name to text.
    state: dict[str, str] = field(default_factory=dict)


class Refusal(StrEnum):
    ABSENT = "ABSENT"
    NOT_READY = "NOTREADY"
    NEWER = "NEWER"  # written by a release whose journals this one may not be able to read
    SETTLED = "SETTLED"


@dataclass(frozen=True, slots=True)
class Refused:
    """A refused claim, and the record when there is one."""

    why: Refusal
    promise: Promise | None


@dataclass(frozen=True, slots=True)
class Await:
    """One thing an execution waits for, delivered into its journal at `path`.

    Either a promise (`promise_id`) or an instant (`due_at`, epoch ms).
    """

    path: str
    promise_id: str = ""
    due_at: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Awaits that belong together: the execution is woken when `need` of them are there,
    or, with `fail_fast`, when one of them failed."""

    awaits: tuple[Await, ...]
    need: int
    fail_fast: bool = False


@dataclass(frozen=True, slots=True)
class Suspension:
    """Whether the execution is now suspended, and what was already there to deliver.

    With `cancelled` it is neither: somebody asked for a cancellation that its holder has to `heed` first.
    """

    suspended: bool
    delivered: dict[str, Outcome] = field(default_factory=dict)
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Beat:
    """One line of a heartbeat: the hold, and what runs at the moment ("" for nothing new)."""

    hold: Hold
    running: str = ""


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a heartbeat found: the ids whose lease is another's now, and those that are cancelled."""

    lost: frozenset[str] = frozenset()
    cancelled: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep found due, and when it should look again at the latest."""

    ready: tuple[Ready, ...]
    backlog: int
    next_due_ms: int | None
    parked: tuple[str, ...] = ()


class Store(Tending, Looking, Resealing, Protocol):
    """Everything the engine and the doors ask of a store."""

    def check(self) -> None:
        """Refuse a store that could lose promises: StoreMisconfigured says which setting to change."""

    def create(self, new: NewPromise, *, strict: bool = False, journal: Sequence[tuple[str, str]] = ()) -> Created:
        """T1. Record a promise unless the id is taken; a new execution is ready from this instant on.

        `journal` is what it begins with, path and text: the prefix that a fork keeps.

        The sweep publishes what the caller could not. Raises Expired for a burnt id, and
        TooManyExecutions where a new one would be one too many.
        """

    def claim(self, promise_id: str, worker: str, lease_ms: int) -> Claimed | Refused:
        """T2. Take a ready execution: a new epoch and nonce, the lease, and the journal in one answer.

        An exclusive call is ready only at the head of its object's mailbox; it is given the object's state (T15).
        """

    def checkpoint(
        self,
        hold: Hold,
        cursor: int,
        entries: Sequence[tuple[str, str]],
        changes: Sequence[Change] = (),
        log: Lines | None = None,
    ) -> bool:
        """T3. Write entries at their paths, once, and renew the lease; crashes so far are forgiven.

        `changes` are made to the state of its object in the same step, and `log` is kept.
        Answers whether the execution is cancelled.
        """

    def spawn(self, hold: Hold, cursor: int, births: Sequence[Birth]) -> list[Born]:
        """T4. For each birth, in order: a checkpoint and the creation of a child in one step.

        The deadline of a child in the same tree is not later than the parent's. An
        id that exists is attached to; when function or digest differ nothing is
        written for it, and IdConflict answered; Expired for a burnt one.
        """

    def suspend(self, hold: Hold, cursor: int, groups: Sequence[Group], *, peek: bool = False) -> Suspension:
        """T5, T6. Leave until a group is complete, unless one already is: then stay, and be given it.

        With `peek` the execution stays in any case and is given what is there; also
        when it is cancelled and has not been told.
        Raises PromiseNotFound when an awaited promise does not exist, and ValueError
        when nothing could ever complete a group.
        """

    def fulfil(
        self,
        hold: Hold,
        cursor: int,
        outcome: Outcome,
        entries: Sequence[tuple[str, str]] = (),
        changes: Sequence[Change] = (),
        log: Lines | None = None,
    ) -> tuple[Ready, ...]:
        """T7, T16. Settle one's own promise; deliver it to who waits; answer who became ready by it.

        `changes` are made to the state of its object in the same step, and the next in its mailbox is woken.
        """

    def settle(
        self, promise_id: str, state: State, value: str, *, key: str = "", strict: bool = False
    ) -> tuple[Creation, Promise, tuple[Ready, ...]]:
        """T8. Settle an external promise; FRESH, DEDUPLICATED or EXISTS by the specification's table.

        Raises PromiseNotFound, NotExternal for an execution, and ValueError for a
        state that is not the caller's to give.
        """

    def beat(self, beats: Sequence[Beat]) -> Pulse:
        """T9. Renew leases; answers which are not this holder's any more, and which are cancelled."""

    def sweep(self, max_attempts: int, limit: int = 100) -> Sweep:
        """T10. Apply what is due: deadlines, timers, lapsed leases; answer what should be published.

        An execution whose lease lapsed `max_attempts` times without progress is parked.
        """

    def crashed(self, promise_id: str, holder: str, max_attempts: int, reason: str) -> tuple[Ready, ...]:
        """T11. Treat one lease as lapsed now, when `holder` has it: its process is known to be dead."""

    def lapse(self, node: str, max_attempts: int, reason: str) -> tuple[Ready, ...]:
        """T11 for a whole worker: every lease held from `node` lapses now."""

    def release(self, hold: Hold) -> tuple[Ready, ...]:
        """T12. Give the execution back, ready at once; not a crash."""

    def cancel(self, promise_id: str, grace_ms: int = 0) -> tuple[Creation, Promise, tuple[Ready, ...]]:
        """T13. Cancel a promise and every pending promise below it in its tree.

        Without a grace all are settled now. With one, an execution that has begun
        goes on until its body was told (`heed`), children before their parents,
        and is settled at the latest when the grace ends. DEDUPLICATED when it was
        asked for before; a grace that runs is not made longer.
        """

    def heed(self, hold: Hold, cursor: int) -> bool:
        """T13. Whether a cancelled body is to be told now; else it is suspended until all below it is settled."""

    def park(self, hold: Hold, reason: str) -> None:
        """T14. Set the execution aside until `resume`; nothing recorded is touched."""

    def progress(self, hold: Hold, progress: str, log: Lines | None = None) -> None:
        """T22. Note how far it is ("" for nothing new) and what it logged, for people; neither is in the journal."""

    def resume(self, promise_id: str) -> tuple[Ready, ...]:
        """T14. Make a parked execution ready again, its crashes forgiven."""

    def mirrored(self, promise_ids: Iterable[str]) -> None:
        """T19. The outcomes of these executions were told to Celery; no need to publish them again."""

    def presence(self, node: str) -> Presence:
        """The presence of one worker, by its node name."""

    def close(self) -> None:
        """Give back connections and threads. The store may be used again afterwards."""
