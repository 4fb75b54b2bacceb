"""The services an order needs, played by a file: a warehouse, a bank and a carrier.

Each call is a line in the ledger, so that anybody can count what was asked for and how often. As real services
should, they take an idempotency key and give the same number for the same key; `effects` counts as they would.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from workers import ledger, settings

_NUMBERS = uuid.UUID("6f2c8a52-9d0e-4a53-8c62-0b7a2f1f4a11")


def act(effect: str, key: str, **details: Any) -> str:
    """Do one thing, once for each key, and return the number it is known by."""
    number = f"{effect}-{uuid.uuid5(_NUMBERS, f'{effect} {key}').hex[:12]}"
    call = {"effect": effect, "key": key, "number": number, **details}
    ledger.append(settings.order_ledger(), json.dumps(call, sort_keys=True))
    return number


def calls() -> list[dict[str, Any]]:
    """Return every call ever made, oldest first."""
    return [json.loads(line) for line in ledger.lines(settings.order_ledger())]


def effects(effect: str) -> list[str]:
    """Return the numbers of what was really done: one for each key, whatever was repeated."""
    return list(dict.fromkeys(call["number"] for call in calls() if call["effect"] == effect))
