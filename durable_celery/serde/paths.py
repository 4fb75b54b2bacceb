"""Where in a JSON value something is wrong, as JSONPath."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

#: Characters that are shown of a key and of a reason: more would repeat what was sent.
MOST_OF_KEY = 80
MOST_OF_REASON = 300

#: A position in a list, a key of a mapping, or None for a key that nobody could tell.
Step = str | int | None

_plain = re.compile(r"[^\W\d]\w*")


def path_of(steps: Iterable[Step]) -> str:
    """`$.items[0]["a key"]` for the steps `items`, 0 and `a key`."""
    return "$" + "".join(_written(step) for step in steps)


def shortened(text: str, most: int = MOST_OF_REASON) -> str:
    """A text of at most `most` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def at(value: Any, steps: Iterable[Step]) -> Any:
    """The part of a value at `steps`; raises LookupError or TypeError when there is none."""
    for step in steps:
        value = value[step]
    return value


def replaced(value: Any, steps: list[Step], part: Any) -> Any:
    """A copy of a value with another part at `steps`."""
    if not steps:
        return part
    copy = value.copy()
    copy[steps[0]] = replaced(value[steps[0]], steps[1:], part)
    return copy


def _written(step: Step) -> str:
    if step is None:
        return "[*]"
    if isinstance(step, int):
        return f"[{step}]"
    step = shortened(step, MOST_OF_KEY)
    return f".{step}" if _plain.fullmatch(step) else f"[{json.dumps(step, ensure_ascii=not step.isprintable())}]"
