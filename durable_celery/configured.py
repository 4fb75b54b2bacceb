"""The codec of an application: its limit and its keys are what the settings say, looked up when they are needed."""

from __future__ import annotations

import functools
from collections.abc import Callable

from durable_celery.codec import Codec
from durable_celery.errors import PayloadUnreadable, StoreMisconfigured
from durable_celery.seal import CLEAR, Seal
from durable_celery.settings import Settings
from durable_celery.store import Store


class ConfiguredCodec(Codec):
    """Asks at each use, because Celery's configuration may be read after everything is wired.

    A codec that was `given` brings its seal; the limit is the settings' in any case.
    """

    def __init__(self, settings: Callable[[], Settings], given: Codec | None = None) -> None:
        super().__init__()
        self._settings = settings
        self._given = given

    @property
    def max_payload(self) -> int:
        """As `durable_max_payload` says."""
        return self._settings().max_payload

    @functools.cached_property
    def seal(self) -> Seal:
        """That of the codec that was given, else made with `durable_encryption_keys`, else none."""
        settings = self._settings()
        if self._given is not None:
            if settings.encryption_keys:
                raise StoreMisconfigured("both codec= and durable_encryption_keys say how payloads are kept: use one")
            return self._given.seal
        if not settings.encryption_keys:
            return CLEAR
        try:
            from durable_celery.encryption import Fernets  # noqa: PLC0415  # only where the extra is installed
        except ImportError as error:
            raise StoreMisconfigured("durable_encryption_keys needs: pip install 'durable-celery[crypto]'") from error
        return Fernets(
            settings.encryption_keys,
            digest_key=settings.encryption_digest_key,
            accept_plain=settings.encryption_accept_plain,
        )


def reencrypted(store: Store, seal: Seal) -> int:
    """Has the store exchange what another key than the first closed; returns how much. Raises PayloadUnreadable."""
    if not seal.hides:
        raise StoreMisconfigured("there is no key to encrypt with: set durable_encryption_keys")
    unreadable: list[PayloadUnreadable] = []

    def again(text: str) -> str:
        try:
            return seal.renew(text)
        except PayloadUnreadable as error:
            unreadable.append(error)
            return text

    count = sum(store.reseal(again))
    if unreadable:
        told = f"{unreadable[0].reason} (this is so for {len(unreadable)} texts; {count} others were encrypted anew)"
        raise PayloadUnreadable(told) from unreadable[0]
    return count
