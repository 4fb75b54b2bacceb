"""What was said where an API was mounted, for those who check it."""

from __future__ import annotations

from dataclasses import dataclass

from durable_celery.web.options import Options


@dataclass(frozen=True, slots=True)
class Mount:
    """The names of the functions that it exposes, its options, and whether its views are asynchronous."""

    names: frozenset[str]
    options: Options
    asynchronous: bool
