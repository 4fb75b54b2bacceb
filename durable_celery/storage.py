"""Storage: which store an application's promises are in, opened once for every patience asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from durable_celery.errors import StoreMisconfigured
from durable_celery.settings import Durability, Settings
from durable_celery.store import Store
from durable_celery.stores.local import LocalStore
from durable_celery.stores.redis import RedisStore


class Storage:
    """Opens the store that was given, or the one that Celery's configuration names."""

    def __init__(
        self,
        given: Store | str | None,
        *,
        conf: Callable[[], Any],
        settings: Callable[[], Settings],
        runs_here: Callable[[], bool],
    ) -> None:
        self._given = given
        self._conf = conf
        self._settings = settings
        self._runs_here = runs_here
        self._lock = threading.RLock()
        self._stores: dict[float | None, Store] = {}

    @property
    def is_local(self) -> bool:
        """Whether the promises are in this process's memory, as it was asked for."""
        return isinstance(self._given, LocalStore)

    def open(self, patience_s: float | None) -> Store:
        """The store whose calls wait so long for Redis; without a bound when None."""
        with self._lock:
            store = self._stores.get(patience_s)
            if store is None:
                store = self._stores[patience_s] = self._make(patience_s)
            return store

    def close(self) -> None:
        """Give back its connections."""
        with self._lock:
            for store in self._stores.values():
                store.close()

    def _make(self, patience_s: float | None) -> Store:
        given = self._given
        for opened in (given, *self._stores.values()):  # those of a process share what they have seen of the store
            if isinstance(opened, RedisStore):
                return opened.patient(patience_s, self._durability(opened))
        if given is not None and not isinstance(given, str):
            return given
        if given is None and self._conf() is not None and self._runs_here():
            self._given = LocalStore()
            return self._given
        settings = self._settings()
        url = given or settings.store_url or _celery_redis(self._conf())
        return RedisStore(url, key_prefix=settings.key_prefix, patience=patience_s, durability=settings.durability)

    def _durability(self, store: RedisStore) -> Durability:
        """The stricter one of what the store was made with and what the settings say."""
        strict = Durability.STRICT in (store.durability, self._settings().durability)
        return Durability.STRICT if strict else Durability.RELAXED


def _celery_redis(conf: Any) -> str:
    for key in ("result_backend", "broker_url"):  # as attributes: so Celery's own environment variables count
        url = str(getattr(conf, key, None) or "").split(";")[0].split(",")[0]
        if url.startswith(("redis://", "rediss://")):
            return url
        if url.startswith("redis+socket://"):
            return "unix://" + url.removeprefix("redis+socket://")
    raise StoreMisconfigured(
        "no Redis for the promises: set durable_store_url to a redis:// URL, "
        "use Redis as result backend or broker, or use Durable.local()"
    )
