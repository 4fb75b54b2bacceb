"""Signed links: the right to settle one external promise, until an instant, for whoever has the link."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from durable_celery import clock
from durable_celery.clock import Clock, SystemClock
from durable_celery.errors.problem import Problem
from durable_celery.http.bodies import segment

if TYPE_CHECKING:
    from itsdangerous import URLSafeSerializer

_SALT = "durable-celery promise"
_ACTIONS = ("resolve", "reject")


class Links:
    """Makes and checks them. Of several secrets the last one signs, and all are taken, so that they can be changed.

    Raises ImportError when itsdangerous is not installed.
    """

    def __init__(self, secret: str | bytes | list[str] | list[bytes], *, clock: Clock | None = None) -> None:
        self._serializer = _serializer(secret)
        self._clock = clock or SystemClock()

    def token(self, promise_id: str, *actions: str, expires_in: float | timedelta) -> str:
        """The right to `resolve` or `reject` (both, when none is named) within so many seconds."""
        for action in actions:
            if action not in _ACTIONS:
                raise ValueError(f"a link is for {' or '.join(_ACTIONS)}, not for {action}")
        until_ms = self._clock.now_ms() + clock.to_ms(expires_in)
        signed = self._serializer.dumps([promise_id, list(actions or _ACTIONS), until_ms])
        return signed if isinstance(signed, str) else signed.decode()

    def url(self, base: str, promise_id: str, action: str, *, expires_in: float | timedelta) -> str:
        """Where to POST to settle it; `base` is the address of the mounted API."""
        token = self.token(promise_id, action, expires_in=expires_in)
        return f"{base.rstrip('/')}/promises/{segment(promise_id)}/{action}?token={quote(token)}"

    def check(self, token: str, promise_id: str, action: str) -> None:
        """Raises Problem for one that is not ours, is for something else, or has expired."""
        from itsdangerous import BadData  # noqa: PLC0415  # an extra

        try:
            signed: Any = self._serializer.loads(token)
            told, actions, until_ms = signed
        except (BadData, TypeError, ValueError) as error:
            raise Problem(403, "bad-link", "this link was not made here") from error
        if told != promise_id or action not in actions:
            raise Problem(403, "bad-link", "this link is for something else")
        if self._clock.now_ms() >= until_ms:
            raise Problem(403, "link-expired", "this link has expired")


def _serializer(secret: str | bytes | list[str] | list[bytes]) -> URLSafeSerializer:
    try:
        from itsdangerous import URLSafeSerializer  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        raise ImportError(
            "signed links need itsdangerous: pip install 'durable-celery[links]'", name="itsdangerous"
        ) from error
    import hashlib  # noqa: PLC0415

    return URLSafeSerializer(secret, salt=_SALT, signer_kwargs={"digest_method": hashlib.sha256})
