"""The world outside: a shop's stock, bank and carrier, whose books are one table of an SQLite file.

As good services do, they take an idempotency key: what was asked under a key is done once, however often it is asked.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

from durable_celery import Context, TerminalError

SECONDS = 0.1
FILE = "books.db"


def books() -> sqlite3.Connection:
    """Open the books: `done` has what was done, `calls` has what was asked for."""
    connection = sqlite3.connect(FILE, timeout=10, isolation_level=None)
    connection.execute("CREATE TABLE IF NOT EXISTS done (key TEXT PRIMARY KEY, customer TEXT, what TEXT)")
    connection.execute("CREATE TABLE IF NOT EXISTS calls (customer TEXT, what TEXT, answered INT)")
    return connection


def reserve(ctx: Context, order: dict[str, str]) -> str:
    return _do(ctx, order["id"], "reserve", refuse=order["item"] == "unicorn")


def release(ctx: Context, order_id: str) -> None:
    _do(ctx, order_id, "release")


def charge(ctx: Context, order: dict[str, str]) -> str:
    return _do(ctx, order["id"], "charge", refuse=order["card"] == "expired")


def refund(ctx: Context, order_id: str) -> None:
    _do(ctx, order_id, "refund")


def ship(ctx: Context, order: dict[str, str]) -> str:
    return _do(ctx, order["id"], "ship", refuse=order["to"] == "the moon")


def _do(ctx: Context, order_id: str, what: str, *, refuse: bool = False) -> str:
    with closing(books()) as book:
        call = book.execute("INSERT INTO calls VALUES (?, ?, 0)", (order_id, what)).lastrowid
        time.sleep(SECONDS)
        if not refuse:
            book.execute("INSERT OR IGNORE INTO done VALUES (?, ?, ?)", (ctx.idempotency_key, order_id, what))
        book.execute("UPDATE calls SET answered = 1 WHERE rowid = ?", (call,))
    if refuse:
        raise TerminalError(f"cannot {what} {order_id}")
    return order_id
