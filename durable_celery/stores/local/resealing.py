"""LocalStore, the part that changes keys of encryption: the counterpart of `redis/resealing.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from durable_celery.seal import renewed
from durable_celery.stores.local.looking import LocalLooking
from durable_celery.stores.local.row import Row

K = TypeVar("K")

_PAYLOADS = ("args", "value", "canvas", "tags", "progress")


class LocalResealing(LocalLooking):
    """Nothing changes between the look and the exchange: both are done under the lock."""

    def reseal(self, again: Callable[[str], str]) -> Iterator[int]:
        with self._verb() as rows:
            ids = list(rows.by_id)
        for promise_id in ids:
            with self._verb() as rows:
                row = rows.by_id.get(promise_id)
                count = 0 if row is None else _of_row(row, again)
            if count:
                yield count
        with self._verb() as rows:
            counts = [_of_texts(state, again) for state in rows.objects.states()]
        yield from filter(None, counts)


def _of_row(row: Row, again: Callable[[str], str]) -> int:
    read = {name: str(getattr(row.promise, name)) for name in _PAYLOADS}
    lines = dict(enumerate(row.log))
    if count := _of_texts(read, again):
        row.set(**read)
    count += _of_texts(row.journal, again) + _of_texts(lines, again)
    row.log = list(lines.values())
    return count


def _of_texts(texts: dict[K, str], again: Callable[[str], str]) -> int:
    changed = {place: new for place, old in texts.items() if (new := renewed(old, again)) != old}
    texts.update(changed)
    return len(changed)
