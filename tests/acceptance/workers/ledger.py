"""The effect ledger: what steps did to the outside world, told by a file and not by the store under test."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def write(path: str | Path, **fields: Any) -> None:
    """Append one line; O_APPEND keeps the lines of many processes whole and in order."""
    line = json.dumps({"pid": os.getpid(), "at": time.time(), **fields}) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Line:
    """One event. `run` is different in every execution of a step; `at` is this machine's clock, in seconds."""

    id: str
    event: str
    pid: int
    at: float
    run: str = ""
    value: Any = None


class Ledger:
    """Reads what was written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def lines(self, id: str = "", event: str = "") -> list[Line]:
        """What an execution and its local children did, in order; of everyone when no id is given."""
        every = [Line(**json.loads(text)) for text in self.path.read_text().splitlines()]
        return [line for line in every if _concerns(line, id) and event in ("", line.event)]

    def count(self, id: str, event: str) -> int:
        return len(self.lines(id, event))

    def repeated(self, id: str) -> set[str]:
        """The steps that were started more than once."""
        starts = Counter(line.id for line in self.lines(id, "start"))
        return {step for step, times in starts.items() if times > 1}

    def last_runs(self, id: str) -> dict[str, str]:
        """The run that was started last, of every step."""
        return {line.id: line.run for line in self.lines(id, "start")}


def _concerns(line: Line, id: str) -> bool:
    return not id or line.id == id or line.id.startswith(f"{id}.")
