"""RedisStore, the part that changes keys of encryption: every text that is closed is closed anew, key by key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from durable_celery.seal import renewed
from durable_celery.stores.redis.keys import FIELDS
from durable_celery.stores.redis.looking import RedisLooking

#: Where closed texts are: in these fields of a record, anywhere in journals and states, in lines that were logged.
_PAYLOADS = [FIELDS[name] for name in ("args", "value", "canvas", "tags", "progress")]
_KIND = re.compile(r"(r|j|st|l):")
_SPECIAL = re.compile(r"[\\*?\[\]^]")
#: How many keys one look lists, and how many texts one call exchanges: others are to be served in between.
_KEYS, _TEXTS = 500, 50


class RedisResealing(RedisLooking):
    """Lists the keys with SCAN; each text is exchanged in one script that looks whether it is still the same."""

    def reseal(self, again: Callable[[str], str]) -> Iterator[int]:
        for key in self._listed():
            kind = _KIND.match(key)
            if kind is None:
                continue
            texts = [(place, old, renewed(old, again)) for place, old in self._texts(kind[1], self.prefix + key)]
            changed = [each for each in texts if each[1] != each[2]]
            if changed:
                pages = [changed[at : at + _TEXTS] for at in range(0, len(changed), _TEXTS)]
                yield sum(self._run("reseal", [part for each in page for part in each], key=key) for page in pages)

    def _listed(self) -> Iterator[str]:
        """What follows the prefix in every key. Begins again where another node has the keys now."""
        pattern, cursor, seen = _SPECIAL.sub(r"\\\g<0>", self.prefix) + "*", 0, None
        while True:
            client, (at, keys) = self.connection.patiently(lambda start=cursor: self._page(start, pattern))  # type: ignore[misc]
            if seen not in (None, client) and cursor:
                cursor, seen = 0, client
                continue
            yield from (key.removeprefix(self.prefix) for key in keys)
            cursor, seen = int(at), client
            if not cursor:
                return

    def _page(self, start: int, pattern: str) -> tuple[object, tuple[int, list[str]]]:
        client = self.connection.client
        return client, client.scan(start, match=pattern, count=_KEYS)  # type: ignore[return-value]

    def _texts(self, kind: str, key: str) -> Iterator[tuple[str | int, str]]:
        """What may be closed there, and where."""

        def read() -> list[tuple[Any, Any]]:
            client = self.connection.client
            if kind == "r":
                return list(zip(_PAYLOADS, client.hmget(key, _PAYLOADS), strict=True))
            return list(enumerate(client.lrange(key, 0, -1)) if kind == "l" else client.hgetall(key).items())

        return ((place, text) for place, text in self.connection.patiently(read) if text)
