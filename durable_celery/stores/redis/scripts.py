"""The Lua scripts beside this file, loaded so that they are called by keyword.

A script's `local a, b = unpack(ARGV, 1, 2)` line is its signature: a wrong or
missing name is refused before Redis is asked. What follows the named ones is
given as `rest`. The rules in `lua/rules/` stand before every script, and one of
`lua/ends/` calls it; so its reply is the store's count and its answer.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_SIGNATURE = re.compile(r"^local ([\w, ]+) = unpack\(ARGV, 1, (\d+)\)", re.MULTILINE)
_RULES = ("clock", "counting", "base", "waiting", "tending", "objects", "settling", "leasing", "creating", "cancelling")
#: Scripts that write nothing that anybody relies on, and how many of the rules they need: Redis builds all that a
#: script has anew with every call.
_LOOKING = {"read": 2, "search": 3, "census": 1}

Argument = str | int


@dataclass(frozen=True, slots=True)
class Script:
    """One verb: its text, the digest Redis knows it by, and the names of its arguments."""

    name: str
    text: str
    sha: str
    parameters: tuple[str, ...]

    @property
    def fenced(self) -> bool:
        """Whether a holder calls it, who may have read what the store has lost since."""
        return "token" in self.parameters

    @property
    def counted(self) -> bool:
        """Whether every run of it is counted by the store."""
        return self.name not in _LOOKING

    def arguments(self, named: Mapping[str, Argument], rest: Sequence[Argument]) -> list[Argument]:
        """ARGV in the script's order; raises TypeError when the names are not the script's."""
        try:
            ordered = [named[parameter] for parameter in self.parameters]
        except KeyError as missing:
            raise TypeError(f"{self.name}.lua needs {missing}") from None
        if len(named) != len(ordered):
            raise TypeError(f"{self.name}.lua takes {self.parameters}, not {tuple(named)}")
        ordered.extend(rest)
        return ordered


@cache
def load(name: str) -> Script:
    """The script of a verb."""
    folder = files(__package__) / "lua"
    rules = [(folder / "rules" / f"{rule}.lua").read_text() for rule in _RULES[: _LOOKING.get(name)]]
    body = (folder / f"{name}.lua").read_text()
    match = _SIGNATURE.search(body)
    parameters: tuple[str, ...] = ()
    if match:
        parameters = tuple(part.strip() for part in match[1].split(","))
        if len(parameters) != int(match[2]):
            raise TypeError(f"{name}.lua names {len(parameters)} arguments and unpacks {match[2]}")
    end = (folder / "ends" / ("look.lua" if name in _LOOKING else "count.lua")).read_text()
    text = "\n".join([*rules, "local function verb()", body, "end", end])
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), parameters)
