"""The wait before another try: a timer that belongs to a call which has its position already."""

from __future__ import annotations

from durable_celery.journal import TRY, Entry
from durable_celery.op import Op, Performer
from durable_celery.promise import Outcome
from durable_celery.retry import RetryPolicy
from durable_celery.store import Await


class Pause(Op[None]):
    """Waits until the next try of a call is due. Longer than a second, it frees the worker."""

    kind = "pause"

    def __init__(self, performer: Performer, path: str, failed: Entry) -> None:
        super().__init__(performer, failed.name, "")
        self._call = path
        self._due_at = failed.ended_at or 0
        self._await = Await(f"{path}{TRY}{failed.tries}", due_at=self._due_at)

    @property
    def key(self) -> str:
        """It belongs to the call that is tried again."""
        return self._call

    def begin(self) -> None:
        self.begun = True

    def ready(self) -> bool:
        delivered = self.performer.journal.delivered(self._await.path) is not None
        return delivered or self._due_at <= self.performer.now_ms()

    def take(self) -> None:
        self.performer.passed(self._due_at)

    def awaits(self) -> list[Await]:
        return [] if self.ready() else [self._await]


def next_try(
    performer: Performer, path: str, name: str, policy: RetryPolicy, error: BaseException, outcome: Outcome
) -> Entry | None:
    """Record a failed try when another one follows, and answer its entry; None when it was the last."""
    before, now_ms = performer.journal.tries(path), performer.now_ms()
    tries = len(before) + 1
    wait_ms = policy.wait_ms(tries, error)
    first_ms = before[0].started_at if before else now_ms
    if wait_ms is None or policy.is_over(now_ms + wait_ms - first_ms):
        return None
    failed = Entry(
        kind="try",
        name=name,
        state=outcome.state,
        payload=outcome.value,
        started_at=now_ms,
        ended_at=now_ms + wait_ms,
        tries=tries,
    )
    performer.checkpoint(f"{path}{TRY}{tries}", failed)
    return failed
