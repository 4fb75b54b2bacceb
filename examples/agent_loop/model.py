"""A fake model: slow, counted, and the same for the same conversation, so that two runs can be compared."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

from durable_celery import Context

TURNS = 30
SECONDS = 0.05
#: A line for every time that it was asked: by whom, and at which turn.
ASKED = Path("asked.txt")


def ask(ctx: Context, transcript: list[dict[str, Any]]) -> dict[str, Any]:
    turn = sum(entry["role"] == "model" for entry in transcript) + 1
    with ASKED.open("a") as asked:
        asked.write(f"{ctx.info.id} {turn}\n")
    time.sleep(SECONDS)
    if turn == TURNS:
        return {"text": "The plan is ready."}
    thought = hashlib.sha256(json.dumps(transcript).encode()).hexdigest()
    return {"tool": "buy" if turn % 3 == 0 else "look_up", "input": f"part-{thought[:6]}"}
