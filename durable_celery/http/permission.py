"""What a hook that says who may do what has to answer, and what those are told whom it does not let pass."""

from __future__ import annotations

import logging
from typing import Any

from durable_celery.errors.problem import Problem

logger = logging.getLogger("durable_celery")

REFUSED = "this is not allowed to you"
CLOSED = "nobody is allowed this where the API is mounted without authorize="


def forbidden(detail: str = REFUSED) -> Problem:
    """The refusal."""
    return Problem(403, "forbidden", detail)


def lets(said: Any) -> bool:
    """Only True does: a hook that returns the page of a refusal, as views do, has refused."""
    if said and said is not True:
        logger.error("authorize answered with a %s, which lets nobody pass: only True does", type(said).__name__)
    return said is True
