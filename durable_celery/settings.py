"""Settings, with Celery's configuration as their home: `durable_*` keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from durable_celery.codec import DEFAULT_MAX_PAYLOAD
from durable_celery.errors import StoreMisconfigured
from durable_celery.newpromise import DEFAULT_RETENTION_MS

#: A heartbeat is made every third of a lease; below this even a busy machine's scheduler would break it.
SHORTEST_LEASE_MS = 300

#: Entries of one journal; each attempt reads and replays all of them.
DEFAULT_MAX_ENTRIES = 10_000


class Durability(StrEnum):
    """What may be lost of what was acknowledged: nothing, or the tail when Redis' machine goes down."""

    STRICT = "strict"
    RELAXED = "relaxed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `durable_*` settings mean inside; durations are milliseconds here and seconds there."""

    #: It may hold a password, so nothing prints it.
    store_url: str | None = field(default=None, repr=False)
    key_prefix: str = "dc"
    durability: Durability = Durability.RELAXED
    lease_ms: int = 10_000
    retention_ms: int = DEFAULT_RETENTION_MS
    #: None: as long as the retention of each execution.
    tombstones_ms: int | None = None
    max_attempts: int = 5
    max_entries: int = DEFAULT_MAX_ENTRIES
    cancel_grace_ms: int = 30_000
    log_lines: int = 0
    max_payload: int = DEFAULT_MAX_PAYLOAD
    store_timeout_s: float = 2.0
    lost_after_ms: int = 3600 * 1000
    encryption_keys: tuple[str, ...] = field(default=(), repr=False)
    encryption_digest_key: str | None = field(default=None, repr=False)
    encryption_accept_plain: bool = False

    @classmethod
    def read(cls, conf: Mapping[str, Any]) -> Settings:
        """From Celery's configuration; raises StoreMisconfigured for a value that cannot be meant."""
        defaults = cls()
        settings = cls(
            store_url=_said(conf, "durable_store_url", None),
            key_prefix=str(_said(conf, "durable_key_prefix", defaults.key_prefix)),
            durability=_durability(_said(conf, "durable_durability", defaults.durability)),
            lease_ms=_ms(conf, "durable_lease", defaults.lease_ms),
            retention_ms=_ms(conf, "durable_retention", defaults.retention_ms),
            tombstones_ms=_ms_or_none(conf, "durable_tombstones"),
            max_attempts=int(_said(conf, "durable_max_attempts", defaults.max_attempts)),
            max_entries=int(_said(conf, "durable_max_entries", defaults.max_entries)),
            cancel_grace_ms=_ms(conf, "durable_cancel_grace", defaults.cancel_grace_ms),
            log_lines=max(0, int(_said(conf, "durable_log_lines", defaults.log_lines))),
            max_payload=int(_said(conf, "durable_max_payload", defaults.max_payload)),
            lost_after_ms=_ms(conf, "durable_lost_after", defaults.lost_after_ms),
            store_timeout_s=float(_said(conf, "durable_store_timeout", defaults.store_timeout_s)),
            encryption_keys=_listed(_said(conf, "durable_encryption_keys", ())),
            encryption_digest_key=_said(conf, "durable_encryption_digest_key", None),
            encryption_accept_plain=bool(_said(conf, "durable_encryption_accept_plain", False)),
        )
        if settings.lease_ms < SHORTEST_LEASE_MS:
            raise StoreMisconfigured(
                "durable_lease is the seconds a worker may be silent; less than 0.3 cannot be kept"
            )
        if settings.max_attempts < 1:
            raise StoreMisconfigured("durable_max_attempts is 1 or more")
        if "{" in settings.key_prefix or "}" in settings.key_prefix:
            raise StoreMisconfigured("durable_key_prefix must not hold braces: they mark the hash tag")
        return settings

    def tombstone_of(self, retention_ms: int) -> int:
        """For how long an id is burnt after the retention of its execution: as long again, unless it is said."""
        return retention_ms if self.tombstones_ms is None else self.tombstones_ms


def _said(conf: Mapping[str, Any], key: str, default: Any) -> Any:
    """A setting, also in the capitals that `namespace="CELERY"` asks for."""
    for name in (key, key.upper()):
        value = conf.get(name)
        if value is not None:
            return value
    return default


def _durability(said: Any) -> Durability:
    try:
        return Durability(str(said).lower())
    except ValueError:
        raise StoreMisconfigured(f"durable_durability is 'strict' or 'relaxed', not {said!r}") from None


def _listed(said: Any) -> tuple[str, ...]:
    """Several words, also as one text with commas between them, as environment variables have it."""
    parts = said.split(",") if isinstance(said, str) else said
    return tuple(str(part).strip() for part in parts if part)


def _ms(conf: Mapping[str, Any], key: str, default_ms: int) -> int:
    said = _ms_or_none(conf, key)
    return default_ms if said is None else said


def _ms_or_none(conf: Mapping[str, Any], key: str) -> int | None:
    value = _said(conf, key, None)
    if value is None:
        return None
    seconds = value.total_seconds() if hasattr(value, "total_seconds") else float(value)
    return round(seconds * 1000)
