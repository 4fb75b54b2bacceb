"""Sending webhooks: one request, signed, bounded in time; no redirect is followed and no proxy is asked."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import Any

from durable_celery.clock import SystemClock
from durable_celery.errors import RetryableError, TerminalError
from durable_celery.web.answers import dumps
from durable_celery.web.webhooks import ID, SIGNATURE, TIMESTAMP, Address, Secrets, address, sign

#: Seconds that each part of a request may take, and all of it.
PART_S, WHOLE_S = 10.0, 30.0
#: A receiver that asks to be left alone for longer is asked again after so many seconds.
_LONGEST_WAIT_S = 3600
_GONE = 410
_TOO_MANY = (429, 503)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """What is told to whom. `id` is the same each time it is sent."""

    id: str
    url: str
    told: dict[str, Any]


def send(webhook: Webhook, secrets: Secrets) -> int:
    """The status that it was taken with: 2xx.

    Raises TerminalError when the receiver says that nobody is there any more (410),
    RetryableError for any other answer, OSError when there was none.
    """
    where, body = address(webhook.url), dumps(webhook.told)
    now_s = SystemClock().now_ms() // 1000
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "durable-celery",
        ID: webhook.id,
        TIMESTAMP: str(now_s),
        SIGNATURE: sign(secrets, webhook.id, now_s, body),
    }
    status, retry_after = _posted(where, headers, body)
    if status // 100 == 2:  # noqa: PLR2004  # the class of a status
        return status
    if status == _GONE:
        raise TerminalError(f"{where.host} answered {status}: it is not to be called again", status_code=status)
    later = min(int(retry_after), _LONGEST_WAIT_S) if status in _TOO_MANY and retry_after.isdecimal() else None
    raise RetryableError(f"{where.host} answered {status}", retry_after=later)


def _posted(where: Address, headers: dict[str, str], body: bytes) -> tuple[int, str]:
    connection = _connection(where)
    ending = threading.Timer(WHOLE_S, _cut, [connection])
    ending.daemon = True
    ending.start()
    try:
        connection.request("POST", where.target, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Retry-After", "")
    except http.client.HTTPException as error:
        raise ConnectionError(f"{where.host} did not answer in HTTP: {error!r}") from error
    finally:
        ending.cancel()
        connection.close()


def _connection(where: Address) -> http.client.HTTPConnection:
    host = where.host.strip("[]")
    if where.scheme == "https":
        return http.client.HTTPSConnection(host, where.port, timeout=PART_S, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, where.port, timeout=PART_S)


def _cut(connection: http.client.HTTPConnection) -> None:
    """End a request to a receiver that answers byte by byte."""
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
