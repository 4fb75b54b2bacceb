"""The APIs that the project's URLs include."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import NoReverseMatch, URLPattern, get_resolver, reverse

from durable_celery.web.mount import Mount


def mounts() -> list[Mount]:
    """What `urls()` was told, for each place where it is included."""
    found = {id(mount): mount for mount in _below(get_resolver().url_patterns)}
    return list(found.values())


def api_link(promise_id: str, function: str) -> str | None:
    """Where the API answers about an execution; None where none is included as `durable` that exposes its function."""
    if not any(function in mount.names for mount in mounts()):
        return None
    try:
        path: str = reverse("durable:api", kwargs={"path": f"executions/{promise_id}"})
    except NoReverseMatch:
        return None
    return path


def _below(patterns: Any) -> Iterator[Mount]:
    for each in patterns:
        if isinstance(each, URLPattern):
            mount = getattr(each.callback, "durable_mount", None)
            if isinstance(mount, Mount):
                yield mount
        else:
            yield from _below(each.url_patterns)
