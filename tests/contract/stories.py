"""The words that the contract's stories are told in."""

from __future__ import annotations

from typing import Any

from durable_celery.errors import IdConflict
from durable_celery.newpromise import NewPromise
from durable_celery.promise import Outcome, State
from durable_celery.store import Await, Birth, Claimed, Created, Group, Hold, Store, Suspension

#: How long a lease is in these stories, and how often an execution may crash.
LEASE = 10_000
MAX = 3

DONE = Outcome(State.RESOLVED, '"done"')
FAILED = Outcome(State.REJECTED, '"no"')


def execution(promise_id: str, **changes: Any) -> NewPromise:
    """A durable function called under this id."""
    return NewPromise(**{"id": promise_id, "function": "order", "args": '[["tea"],{}]', "digest": "d1", **changes})


def external(promise_id: str, **changes: Any) -> NewPromise:
    """A promise that somebody outside settles."""
    return NewPromise(id=promise_id, **changes)


def child(promise_id: str, **changes: Any) -> NewPromise:
    """An execution below the one its id says, in the same tree."""
    parent, tree = promise_id.rpartition(".")[0], promise_id.partition(".")[0]
    return execution(promise_id, **{"parent": parent, "tree": tree, **changes})


def claim(store: Store, promise_id: str, worker: str = "node/1", lease_ms: int = LEASE) -> Claimed:
    """Claim it, and be sure to have it."""
    claimed = store.claim(promise_id, worker, lease_ms)
    assert isinstance(claimed, Claimed), f"{promise_id} could not be claimed: {claimed}"
    return claimed


def begin(store: Store, promise_id: str, worker: str = "node/1", lease_ms: int = LEASE, **changes: Any) -> Claimed:
    """Create an execution and claim it."""
    assert store.create(execution(promise_id, **changes)).fresh
    return claim(store, promise_id, worker, lease_ms)


def finish(store: Store, promise_id: str, outcome: Outcome = DONE) -> list[str]:
    """Claim an execution and fulfil it; the ids that became ready."""
    claimed = claim(store, promise_id, "elsewhere/9")
    return [row.id for row in store.fulfil(claimed.hold, claimed.cursor, outcome)]


def settle(store: Store, promise_id: str, outcome: Outcome = DONE) -> list[str]:
    """Settle an external promise; the ids that became ready."""
    return [row.id for row in store.settle(promise_id, outcome.state, outcome.value)[2]]


def on(path: str, promise_id: str) -> Await:
    return Await(path, promise_id=promise_id)


def at(path: str, due_at: int) -> Await:
    return Await(path, due_at=due_at)


def every(*awaits: Await, fail_fast: bool = False) -> Group:
    return Group(awaits, len(awaits), fail_fast)


def any_of(*awaits: Await) -> Group:
    return Group(awaits, 1)


def spawn(store: Store, hold: Hold, cursor: int, path: str, entry: str, new: NewPromise) -> Created:
    """One child; raises the conflict when its id is another's."""
    [found] = store.spawn(hold, cursor, [Birth(path, entry, new)])
    if isinstance(found, IdConflict):
        raise found
    return found


def suspend(store: Store, claimed: Claimed, *groups: Group) -> Suspension:
    """Leave until a group is complete."""
    return store.suspend(claimed.hold, claimed.cursor, groups)


def sweep(store: Store) -> list[str]:
    """What one sweep says should be published."""
    return [row.id for row in store.sweep(MAX).ready]
