"""What the local store writes of a new promise and of an outcome. Pure."""

from __future__ import annotations

from durable_celery.newpromise import NewPromise
from durable_celery.promise import Outcome, Phase, Promise, State


def delivery(outcome: Outcome) -> str:
    """An outcome as an awaiter's journal keeps it."""
    return f"{outcome.state.code}\n{outcome.value}"


def record(new: NewPromise, now: int, deadline_at: int | None, not_before_at: int | None) -> Promise:
    """The record that a new promise begins with."""
    return Promise(
        id=new.id,
        state=State.PENDING,
        phase=Phase.READY if new.function else Phase.NONE,
        function=new.function,
        version=new.version,
        args=new.args,
        digest=new.digest,
        queue=new.queue,
        priority=new.priority,
        canvas=new.canvas,
        parent=new.parent,
        tree=new.tree or new.id,
        tags=new.tags,
        mirror=new.mirror,
        key_for_create=new.key,
        object=new.object,
        access=new.access,
        held=new.held,
        created_at=now,
        deadline_at=deadline_at,
        not_before_at=not_before_at,
    )
