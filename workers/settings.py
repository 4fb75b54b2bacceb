"""What the environment says about this application; read at each use, so that a test may change it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def redis_url() -> str:
    """Say where broker, result backend and store are: one Redis serves all three."""
    return os.environ.get("DURABLE_REDIS_URL") or "redis://localhost:6379/0"


def render_dir() -> Path:
    """Name the folder of the sounds, one inside it per execution; workers and web application must see the same one."""
    return Path(os.environ.get("RENDER_DIR") or Path(tempfile.gettempdir()) / "durable-renders")


def render_ledger() -> Path | None:
    """Name the file outside Redis to which every render step says when it starts and when it is done."""
    path = os.environ.get("RENDER_LEDGER")
    return Path(path) if path else None


def render_step_seconds() -> float:
    """Say how long a line's step lasts at the least, so that people can watch and tests can interrupt."""
    text = os.environ.get("RENDER_STEP_SECONDS") or "0"
    try:
        return max(0.0, float(text))
    except ValueError:
        message = f"RENDER_STEP_SECONDS must be a number of seconds, not {text!r}"
        raise ValueError(message) from None


def order_ledger() -> Path:
    """Name the file in which the order's services keep what was asked of them."""
    return Path(os.environ.get("ORDER_LEDGER") or render_dir() / "orders.jsonl")
