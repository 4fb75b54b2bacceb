"""`Prefer` (RFC 7240): whether and how long a caller waits."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_preference = re.compile(r'([\w-]+)(?:\s*=\s*(?:"([^"]*)"|([^\s;,"]*)))?')
#: A week: nobody stays connected for longer.
_LONGEST_WAIT_S = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Preferences:
    """What `Prefer` (RFC 7240) says of an answer. `wait_s` is None for as long as it takes."""

    respond_async: bool = False
    wait_s: int | None = None
    strict: bool = False

    def applied(self, *names: str) -> dict[str, str]:
        """The header that says which of them were heeded."""
        said = {
            "respond-async": "respond-async" if self.respond_async else "",
            "wait": "" if self.wait_s is None else f"wait={self.wait_s}",
            "handling": "handling=strict" if self.strict else "",
        }
        heeded = ", ".join(said[name] for name in names if said[name])
        return {"Preference-Applied": heeded} if heeded else {}


def preferences(lines: Iterable[str]) -> Preferences:
    """What the lines of a header prefer; what is not understood is passed over, as the RFC asks."""
    said: dict[str, str] = {}
    for each in ",".join(lines).split(","):
        found = _preference.match(each.strip())
        if found:
            said.setdefault(found[1].lower(), found[2] or found[3] or "")
    wait = said.get("wait", "")
    return Preferences(
        respond_async="respond-async" in said,
        wait_s=min(int(wait), _LONGEST_WAIT_S) if re.fullmatch(r"[0-9]{1,9}", wait) else None,
        strict=said.get("handling") == "strict",
    )
