"""A bank that declines cards that begin with "bad", and books a charge once for each idempotency key."""

from __future__ import annotations

import json
import time
from pathlib import Path

from durable_celery import Context, TerminalError

BOOKS = Path("bank.jsonl")
SECONDS = 0.5


def charge(ctx: Context, card: str, customer: str) -> str:
    if card.startswith("bad"):
        raise TerminalError(f"the card of {customer} is declined", 402)
    _book(ctx.idempotency_key, f"{customer} has paid")
    time.sleep(SECONDS)
    return f"{customer} has paid"


def refund(ctx: Context, customer: str) -> None:
    _book(ctx.idempotency_key, f"{customer} has it back")


def booked() -> list[str]:
    return [each["text"] for each in _books()]


def _book(key: str, text: str) -> None:
    if not any(each["key"] == key for each in _books()):
        with BOOKS.open("a") as book:
            book.write(json.dumps({"key": key, "text": text}) + "\n")


def _books() -> list[dict[str, str]]:
    return [json.loads(line) for line in BOOKS.read_text().splitlines()] if BOOKS.exists() else []
