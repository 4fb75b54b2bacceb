"""One exchange with httpx: how a request is sent, and what its failures mean."""

from __future__ import annotations

from typing import Any

import httpx

from durable_celery.client.asking import Answer, Asked, Lost
from durable_celery.client.flows import Flows

#: Nothing reached a server; also where httpx itself would not send it.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_CONNECT_S = 10.0
#: As many calls may be waited for at once as there are callers.
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=20)
TRANSPORT_ERROR = httpx.TransportError


def arguments(flows: Flows, asked: Asked) -> dict[str, Any]:
    """What httpx is given for a request."""
    soon_s = max(0.001, min(_CONNECT_S, asked.within_s))
    return {
        "method": asked.method,
        "url": flows.url + asked.path,
        "content": asked.content,
        "headers": {**{name: text.encode() for name, text in flows.headers.items()}, **asked.headers},
        "timeout": httpx.Timeout(max(0.001, asked.within_s), connect=soon_s, pool=soon_s),
        "follow_redirects": False,
    }


def answered(response: httpx.Response) -> Answer:
    """What a response says."""
    return Answer(response.status_code, response.content, response.headers.get("content-type", ""))


def lost(error: httpx.TransportError) -> Lost:
    """What a failure says of the request."""
    return Lost(str(error) or type(error).__name__, sent=not isinstance(error, _NOT_SENT))
