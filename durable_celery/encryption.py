"""Payloads encrypted at rest: Fernet (AES-128-CBC and HMAC-SHA256) with keys that can be changed while all runs.

Needs the extra `crypto`. A closed text is `sealed:<which key>:<token>`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from durable_celery.codec import DEFAULT_MAX_PAYLOAD, Codec
from durable_celery.errors import PayloadUnreadable, StoreMisconfigured
from durable_celery.seal import DIGEST_LENGTH, MARK, Seal

_KEY_BYTES = 32


class EncryptedCodec(Codec):
    """Closes every payload with the first key, and opens what any of them closed.

    Keys are Fernet's, as `cryptography.fernet.Fernet.generate_key()` makes them.
    `digest_key` (by default the last of `keys`) is what digests of arguments are
    made with: keep it when the others change, or the same call under the same id is
    an IdConflict. `accept_plain` also reads what was stored before there were keys.
    """

    def __init__(
        self,
        keys: Sequence[str | bytes],
        *,
        digest_key: str | bytes | None = None,
        accept_plain: bool = False,
        max_payload: int = DEFAULT_MAX_PAYLOAD,
    ) -> None:
        super().__init__(max_payload, Fernets(keys, digest_key=digest_key, accept_plain=accept_plain))

    def rotate(self, text: str) -> str:
        """A stored text closed with the first key; the same one when it is already. Raises PayloadUnreadable."""
        return self.seal.renew(text) if text else text


class Fernets(Seal):
    """Closes texts with the first of several keys. Never says what they are."""

    hides = True

    def __init__(
        self, keys: Sequence[str | bytes], *, digest_key: str | bytes | None = None, accept_plain: bool = False
    ) -> None:
        if isinstance(keys, str | bytes) or not keys:
            raise StoreMisconfigured("encryption takes a list of keys: the newest first, then those still in use")
        raw = [_checked(key) for key in keys]
        self._names = [_name(key) for key in raw]
        self._digest_key = _derived(raw[-1] if digest_key is None else _checked(digest_key), "digest")
        self._fernets = MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in raw])
        self._accept_plain = accept_plain

    def __repr__(self) -> str:
        return f"Fernets({', '.join(self._names)})"

    def close(self, text: str) -> str:
        return f"{MARK}{self._names[0]}:{self._fernets.encrypt(text.encode()).decode()}"

    def open(self, text: str) -> str:
        if not text.startswith(MARK):
            return self._plain(text)
        name, _, token = text[len(MARK) :].partition(":")
        if name not in self._names:
            raise PayloadUnreadable(
                f"it was encrypted with the key {name!r}, and this process has only {', '.join(self._names)}; "
                "add that key to the end of durable_encryption_keys"
            )
        try:
            return self._fernets.decrypt(token).decode()
        except InvalidToken:
            raise PayloadUnreadable(f"it is damaged or forged: the key {name!r} did not make it") from None

    def digest(self, text: str) -> str:
        return hmac.new(self._digest_key, text.encode(), hashlib.sha256).hexdigest()[:DIGEST_LENGTH]

    def renew(self, text: str) -> str:
        return text if text.startswith(f"{MARK}{self._names[0]}:") else self.close(self.open(text))

    def _plain(self, text: str) -> str:
        if self._accept_plain:
            return text
        raise PayloadUnreadable(
            "it is not encrypted, and this process reads encrypted payloads only; if it is from the time "
            "before there were keys, set durable_encryption_accept_plain for as long as such are left"
        )


def _checked(key: str | bytes) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(key)
    except ValueError:
        raw = b""
    if len(raw) != _KEY_BYTES:
        raise StoreMisconfigured(
            "a key for encryption is 32 random bytes in URL-safe base64, and this one is not; make one with "
            "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
        ) from None
    return raw


def _derived(key: bytes, what: str) -> bytes:
    return hmac.digest(key, f"durable_celery {what}".encode(), hashlib.sha256)


def _name(key: bytes) -> str:
    """What a key is called where it must not be shown."""
    return _derived(key, "name").hex()[:8]
