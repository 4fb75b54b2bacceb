"""The schemas of many values in one document, each definition once."""

from __future__ import annotations

import json
import re
from typing import Any

from durable_celery.serde import Serde, schema_of

REFS = "#/components/schemas/"
_not_a_name = re.compile(r"[^A-Za-z0-9._-]")


class Schemas:
    """Collects definitions: equal ones become one, different ones of the same name get names of their own."""

    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {}
        self._taken: set[str] = set()
        #: By name and meaning, definitions below included.
        self._known: dict[tuple[str, str], str] = {}

    def reserve(self, *names: str) -> None:
        """Names that no definition may have."""
        self._taken |= {*names}

    def of(self, serde: Serde[Any]) -> dict[str, Any]:
        """The schema of what a serde reads and writes; the empty one, which fits everything, if nothing is known."""
        schema = dict(schema_of(serde, refs=REFS) or {})
        given = schema.pop("$defs", {})
        names = {REFS + name: REFS + self._place(name, given) for name in given}
        for name, definition in given.items():
            self.definitions[names[REFS + name].removeprefix(REFS)] = _renamed(definition, names)
        renamed: dict[str, Any] = _renamed(schema, names)
        return renamed

    def _place(self, name: str, given: dict[str, Any]) -> str:
        meaning = json.dumps({each: given[each] for each in _below(name, given)}, sort_keys=True, default=str)
        if (name, meaning) not in self._known:
            plain = chosen = _not_a_name.sub("_", name)
            number = 1
            while chosen in self._taken:
                number += 1
                chosen = f"{plain}{number}"
            self._taken.add(chosen)
            self._known[name, meaning] = chosen
        return self._known[name, meaning]


def _below(name: str, given: dict[str, Any]) -> list[str]:
    """A definition and all that it refers to."""
    found, left = set(), [name]
    while left:
        each = left.pop()
        if each not in found:
            found.add(each)
            left += [other for other in given if REFS + other in _texts(given[each])]
    return sorted(found)


def _texts(part: Any) -> set[str]:
    if isinstance(part, dict):
        return set().union(*map(_texts, part.values()))
    if isinstance(part, list):
        return set().union(*map(_texts, part))
    return {part} if isinstance(part, str) else set()


def _renamed(part: Any, names: dict[str, str]) -> Any:
    if isinstance(part, dict):
        return {key: _renamed(value, names) for key, value in part.items()}
    if isinstance(part, list):
        return [_renamed(each, names) for each in part]
    return names.get(part, part) if isinstance(part, str) else part
