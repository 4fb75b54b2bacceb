"""Steps and errors that the bodies of the corpus share. Each step says what it did, under a label of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from tests.simulation.ledger import LEDGER, did


class OutOfStock(Exception):
    """Raised by the step that fails."""


def step(label: str, value: Any = None) -> Any:
    did(label)
    return value


async def async_step(label: str, value: Any = None) -> Any:
    did(label)
    return value


def failing(label: str, article: str, left: int) -> None:
    did(label)
    raise OutOfStock(article, left)


def odd_values(label: str) -> Any:
    did(label)
    return {
        "pair": (1, (2, 3)),
        4: "four",
        "when": datetime(2025, 6, 15, 12, 30, tzinfo=UTC),
        "id": UUID(int=7),
        "price": Decimal("9.90"),
        "nothing": None,
    }


def tell(values: Any) -> Any:
    did("tell")
    return values


def described(value: Any) -> Any:
    """A value with the type of every part of it spelled out."""
    if isinstance(value, dict):
        return {f"{type(key).__name__} {key}": described(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [type(value).__name__, *(described(item) for item in value)]
    return f"{type(value).__name__} {value}"


HOUR = 3600


def flaky(label: str, failures: int) -> int:
    """Fails so many times; which try this is, is counted by those recorded."""
    tries = 1
    while f"{label} {tries}" in LEDGER.recorded:
        tries += 1
    did(f"{label} {tries}")
    if tries <= failures:
        raise OutOfStock(label, tries)
    return tries
