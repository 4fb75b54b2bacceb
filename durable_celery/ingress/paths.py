"""Paths whose segments are names, keys and ids of any text, a slash among them."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from starlette.convertors import Convertor, register_url_convertor

from durable_celery.http.bodies import segment


class SegmentConvertor(Convertor[str]):
    """One segment that is not empty, decoded."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        """The text that a segment stands for."""
        return unquote(value)

    def to_string(self, value: str) -> str:
        """The segment of a text."""
        return segment(value)


register_url_convertor("segment", SegmentConvertor())


def encoded(scope: dict[str, Any]) -> dict[str, Any]:
    """The scope with the path as it was sent, so that %2F in a key does not divide it.

    Servers hand the path out decoded, beside the raw one, which they need not.
    """
    root, path = scope.get("root_path", ""), scope["path"]
    raw = (scope.get("raw_path") or b"").decode("latin-1")
    below = root and (path == root or path.startswith(root + "/"))
    rest = path[len(root) :] if below else path
    if unquote(raw) == path:
        skipped = root.count("/") if below else 0
        segments = [unquote(part) for part in raw.split("/")[skipped:]]
        segments[0] = ""
    elif unquote(raw) == root + path:  # a server that took the prefix off
        segments = ["", *(unquote(part) for part in raw.split("/")[root.count("/") + 1 :])]
    else:
        segments = rest.split("/")
    return {**scope, "path": root + "/".join(map(segment, segments))}
