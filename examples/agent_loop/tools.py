"""What the agent can do: look something up, and buy it, which must not happen twice."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from sqlite3 import connect
from typing import Any

from durable_celery import Context

BOUGHT = Path("bought.db")


def look_up(what: str) -> str:
    return f"{what} costs {int(what[-2:], 16)}"


def buy(ctx: Context, what: str) -> str:
    """The shop takes an idempotency key, so that the same purchase may be asked for twice."""
    with closing(connect(BOUGHT, timeout=10, isolation_level=None)) as shop:
        shop.execute("CREATE TABLE IF NOT EXISTS bought (key TEXT PRIMARY KEY, what TEXT)")
        shop.execute("INSERT OR IGNORE INTO bought VALUES (?, ?)", (ctx.idempotency_key, what))
    return f"bought {what}"


TOOLS: dict[str, Any] = {"look_up": look_up, "buy": buy}
