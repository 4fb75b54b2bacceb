"""What no store is asked: requests that would leave a promise in a state it cannot leave."""

from __future__ import annotations

from collections.abc import Sequence

from durable_celery.promise import State
from durable_celery.store import Group

_SETTLEABLE = frozenset({State.RESOLVED, State.REJECTED, State.CANCELED})


def check_groups(groups: Sequence[Group]) -> None:
    """Refuse to wait for nothing, or for more than there is: nobody would ever wake the execution."""
    if not groups:
        raise ValueError("an execution cannot wait for nothing")
    for group in groups:
        if group.need > len(group.awaits):
            raise ValueError(f"a group of {len(group.awaits)} cannot need {group.need}")


def check_settleable(state: State) -> None:
    """Refuse states that are not a caller's to give: pending is where a promise begins, timed out is the store's."""
    if state not in _SETTLEABLE:
        raise ValueError(f"a promise is settled as resolved, rejected or canceled, not as {state}")
