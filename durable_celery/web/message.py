"""Requests and answers, as the core knows them: no framework's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from durable_celery.handle import Handle


def _nothing(_: int) -> bytes:
    return b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Req:
    """A request. `path` is what is below `base`, decoded; `base` is the path of the mount as its client sees it.

    `read` gives up to so many bytes of the body, as bytes or awaited. `native` is
    the framework's own request.
    """

    method: str
    path: str = "/"
    base: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    #: By name in lower case; several lines of one name are joined by commas.
    headers: Mapping[str, str] = field(default_factory=dict)
    read: Callable[[int], bytes | Awaitable[bytes]] = _nothing
    native: Any = None

    def header(self, name: str) -> str:
        """The text of a header, empty without one."""
        return self.headers.get(name, "")


class Stream(Protocol):
    """A body that is written as it comes."""

    def chunks(self) -> Iterator[bytes]:
        """For servers with threads."""

    def achunks(self) -> AsyncIterator[bytes]:
        """For event loops: no thread is held."""


@dataclass(frozen=True, slots=True)
class Resp:
    """An answer; with a `stream` it has no other body. An empty body has no Content-Type."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    stream: Stream | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """What an endpoint answers that wants to wait: for whom, how long (seconds), and what then.

    `then` is told whether it was waited for: over the number of waiters a server bears, nobody is.
    """

    handle: Handle[Any]
    seconds: float
    then: Callable[[bool], Resp]


@dataclass(frozen=True, slots=True)
class Call:
    """One request to one endpoint: what its path says, its body, and how something awaitable is waited for."""

    req: Req
    params: Mapping[str, str]
    data: bytes
    resolved: Callable[[Awaitable[Any]], Any]
