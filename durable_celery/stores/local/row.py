"""What LocalStore keeps of one promise."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from durable_celery.looking import Lines
from durable_celery.newpromise import NewPromise
from durable_celery.promise import Promise


@dataclass(slots=True)
class Registration:
    """Who counts a delivery: the groups (number, fail fast) of one suspension, known by its epoch."""

    epoch: int
    groups: list[tuple[int, bool]] = field(default_factory=list)


@dataclass(slots=True)
class Row:
    """One promise with all that belongs to it; `promise` is replaced, never changed."""

    promise: Promise
    new: NewPromise
    journal: dict[str, str] = field(default_factory=dict)
    cursor: int = 0
    token: str = ""
    born_by: str = ""
    awaiters: dict[tuple[str, str], Registration] = field(default_factory=dict)
    timers: dict[str, Registration] = field(default_factory=dict)
    left: dict[int, int] = field(default_factory=dict)
    published: int = 0
    pending: int = 0
    told: bool = False
    expires_at: int | None = None
    log: list[str] = field(default_factory=list)

    def write_log(self, log: Lines | None) -> None:
        """Lines that its body logged; no more than the last ones are kept."""
        for text in () if log is None else log.texts:
            self.set(logged=self.promise.logged + 1)
            self.log = [*self.log, f"{self.promise.logged} {text}"][-(log.most if log else 0) :]

    def set(self, **changes: object) -> None:
        self.promise = replace(self.promise, **changes)  # type: ignore[arg-type]
