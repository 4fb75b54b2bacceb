"""What an attempt does about a payload that it cannot read: it is parked, so that another process may go on."""

from __future__ import annotations

from collections.abc import Callable

from durable_celery.codec import Codec
from durable_celery.errors import Parking, PayloadUnreadable
from durable_celery.seal import Seal


def parking(codec: Codec, close: Callable[[Parking], None]) -> Codec:
    """The same codec for one attempt, which it ends with `close` at a text that it cannot read."""
    return Codec(codec.max_payload, _Parking(codec.seal, close))


class _Parking(Seal):
    """A body must not go on as if its own call had failed: what is raised is none of its errors."""

    def __init__(self, seal: Seal, close: Callable[[Parking], None]) -> None:
        self.hides = seal.hides
        self.close, self.digest = seal.close, seal.digest  # type: ignore[method-assign]
        self._seal = seal
        self._close = close

    def open(self, text: str) -> str:
        try:
            return self._seal.open(text)
        except PayloadUnreadable as error:
            end = Parking(error)
            self._close(end)
            raise end from error
