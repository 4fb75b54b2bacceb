"""The headers of a request where WSGI servers put them (PEP 3333), each looked up when it is asked for.

Django keeps them so under ASGI, too. A request has a dozen, and an answer depends on two or three.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_PREFIX = "HTTP_"
_UNPREFIXED = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


class EnvironHeaders(Mapping[str, str]):
    """By name in lower case."""

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self._environ = environ

    def __getitem__(self, name: str) -> str:
        found: str = self._environ[_UNPREFIXED.get(name) or _PREFIX + name.upper().replace("-", "_")]
        return found

    def get(self, name: str, default: Any = None) -> Any:
        return self._environ.get(_UNPREFIXED.get(name) or _PREFIX + name.upper().replace("-", "_"), default)

    def __iter__(self) -> Iterator[str]:
        yield from (name for name, key in _UNPREFIXED.items() if key in self._environ)
        yield from (key[len(_PREFIX) :].replace("_", "-").lower() for key in self._environ if key.startswith(_PREFIX))

    def __len__(self) -> int:
        return sum(1 for _ in self)
