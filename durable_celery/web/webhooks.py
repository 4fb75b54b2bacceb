"""Webhooks: which addresses may be called, and signatures as Standard Webhooks has them. Pure.

https://www.standardwebhooks.com: the headers `webhook-id`, `webhook-timestamp` and
`webhook-signature`, which is `v1,` and the base64 of an HMAC-SHA256 over the first
two and the body, joined by dots.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import unquote, urlsplit

from durable_celery import clock
from durable_celery.clock import Clock, SystemClock
from durable_celery.errors.problem import Problem

Secrets = str | bytes | Iterable[str | bytes]

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
#: Seconds that a webhook may be old, or ahead, when it is verified.
TOLERANCE_S = 300
_PREFIX = "whsec_"
_PORTS = {"http": 80, "https": 443}
_LONGEST_URL = 2000
#: Printable ASCII; what parsers of addresses disagree about is not taken.
_PLAIN = re.compile(r"[!-~]+\Z")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\Z|\[[0-9A-Fa-f:.]+\]\Z")


def sign(secrets: Secrets, message_id: str, timestamp_s: int, body: bytes) -> str:
    """The signature header: one signature for each secret, so that receivers may know the old or the new one."""
    keys = keys_of(secrets)
    if not keys:
        raise ValueError("a webhook is signed with one secret at least")
    return " ".join(f"v1,{_signature(key, message_id, str(timestamp_s), body)}" for key in keys)


def verify(
    secrets: Secrets,
    headers: Mapping[str, str],
    body: bytes,
    *,
    tolerance: float | timedelta = TOLERANCE_S,
    now: Clock | None = None,
) -> bool:
    """Whether one of these secrets signed this body, and not longer ago than `tolerance` (seconds or timedelta).

    `headers` of any framework will do. Remember the `webhook-id` for as long as that: a webhook may come twice.
    """
    said = {name.lower(): value for name, value in headers.items()}
    message_id, timestamp = said.get(ID, ""), said.get(TIMESTAMP, "")
    if not message_id or not re.fullmatch(r"[0-9]{1,15}", timestamp, re.ASCII):
        return False
    apart_ms = abs((now or SystemClock()).now_ms() - int(timestamp) * 1000)
    wanted = [_signature(key, message_id, timestamp, body).encode() for key in keys_of(secrets)]
    given = [each[3:].encode() for each in said.get(SIGNATURE, "").split() if each.startswith("v1,")]
    fits = [hmac.compare_digest(one, other) for one in wanted for other in given]
    return any(fits) and apart_ms <= clock.to_ms(tolerance)


def keys_of(secrets: Secrets) -> list[bytes]:
    """The keys: `whsec_…` is base64, as Standard Webhooks writes secrets; other text is taken as it is."""
    each = [secrets] if isinstance(secrets, str | bytes) else list(secrets)
    return [_key(secret) for secret in each]


def _key(secret: str | bytes) -> bytes:
    if isinstance(secret, str) and secret.startswith(_PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error as error:
            raise ValueError(f"what follows {_PREFIX} in a secret is base64") from error
    else:
        key = secret.encode() if isinstance(secret, str) else secret
    if not key:
        raise ValueError("a secret is not empty")
    return key


def _signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    signed = b".".join([message_id.encode(), timestamp.encode(), body])
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


@dataclass(frozen=True, slots=True)
class Address:
    """A web address in the parts that it is called with."""

    scheme: str
    host: str
    port: int
    path: str
    query: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """Whom it leads to."""
        return self.scheme, self.host, self.port

    @property
    def target(self) -> str:
        """What a request to it asks for."""
        return f"{self.path}?{self.query}" if self.query else self.path


def address(url: str) -> Address:
    """The parts of an http or https address. Raises ValueError for one that could be read in more than one way."""
    if len(url) > _LONGEST_URL or not _PLAIN.match(url) or "\\" in url or "#" in url:
        raise ValueError("an address is up to 2000 ASCII characters, without a fragment")
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        raise ValueError("an address begins with https:// or http://")
    host, _, port = parts.netloc.partition(":") if "[" not in parts.netloc else _bracketed(parts.netloc)
    if "@" in parts.netloc or not _HOST.match(host) or ".." in host:
        raise ValueError("an address has a host, and no user or password")
    if port and not (re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) and 0 < int(port) < 65536):  # noqa: PLR2004
        raise ValueError("a port is a number")
    path = parts.path or "/"
    decoded = unquote(path)
    if any(each in (".", "..") for each in decoded.split("/")) or "\\" in decoded or "%" in decoded:
        raise ValueError("a path has no dot segments")
    if re.search("%2f", path, re.IGNORECASE):
        raise ValueError("a path has no encoded slashes")
    return Address(parts.scheme, host.lower(), int(port) if port else _PORTS[parts.scheme], path, parts.query)


def is_allowed(url: str, allowed: Iterable[str]) -> bool:
    """Whether one of the origins, or prefixes of paths, in `allowed` covers an address.

    Scheme, host and port are the same; a path is covered by itself and by what is above
    it: `/in` covers `/in` and `/in/7`, not `/inner`. Raises ValueError.
    """
    wanted = address(url)
    return any(wanted.origin == each.origin and _covers(each.path, wanted.path) for each in map(address, allowed))


def _covers(prefix: str, path: str) -> bool:
    return f"{path}/".startswith(f"{prefix.rstrip('/')}/")


def _bracketed(netloc: str) -> tuple[str, str, str]:
    host, closing, rest = netloc.partition("]")
    if rest and not rest.startswith(":"):
        raise ValueError("an address has a host")
    return host + closing, ":", rest[1:]


def check_callback(url: str, allowed: Iterable[str]) -> str:
    """An address that a client asked to be called at. Raises Problem."""
    try:
        if is_allowed(url, allowed):
            return url
    except ValueError as error:
        raise Problem(422, "invalid-callback", str(error)) from error
    raise Problem(403, "callback-not-allowed", "this address is not among those that may be called from here")
