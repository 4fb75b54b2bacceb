"""The few lines of HTTP the demo speaks, as any client would: JSON out, status, headers and bytes back."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from email.message import Message

OK, ACCEPTED = 200, 202

#: Never through a proxy: what is asked runs on this machine.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server said."""

    status: int
    headers: Message
    content: bytes

    @property
    def json(self) -> Any:
        """The content as the JSON it is."""
        return json.loads(self.content)


def get(url: str) -> Answer:
    """GET this address."""
    return _ask(urllib.request.Request(url))  # noqa: S310 - addresses of our own


def post(url: str, value: object) -> Answer:
    """POST a value as JSON to this address."""
    headers = {"content-type": "application/json"}
    return _ask(urllib.request.Request(url, json.dumps(value).encode(), headers))  # noqa: S310


def _ask(request: urllib.request.Request) -> Answer:
    try:
        with _direct.open(request, timeout=10) as response:
            return Answer(status=response.status, headers=response.headers, content=response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(status=error.code, headers=error.headers, content=error.read())
