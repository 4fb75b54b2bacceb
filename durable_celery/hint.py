"""A hint that goes with a record: where Celery's broker and the store are one Redis, one script writes both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Hint(NamedTuple):
    """The message "this id may be ready", as a text for a list; `address` says in which Redis the list is."""

    address: str
    list: str
    text: str


def address_of(pool: Mapping[str, Any]) -> str:
    """Which database of which Redis the connections of such a pool lead to, and as whom; "" when that may change.

    Of a pool of Redis Sentinel it may, and where nothing is said the defaults of those who connect may differ.
    """
    where = pool.get("path") or pool.get("host")
    if not where:
        return ""
    return "\n".join(str(part or "") for part in (where, pool.get("port"), pool.get("db"), pool.get("username")))
