"""Calling handlers over HTTP, from programs that are not part of the application; needs httpx."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from durable_celery import clock
from durable_celery.calling.asynccaller import AsyncCaller
from durable_celery.calling.asynccaller import AsyncInvocation as AsyncInvocation
from durable_celery.calling.caller import Caller
from durable_celery.calling.caller import Invocation as Invocation
from durable_celery.client.flows import Flows

if TYPE_CHECKING:
    import httpx


class Client(Caller):
    """Calls handlers that are served at `url`, and waits for their values.

    `headers` are sent with every request. `timeout` (seconds or timedelta) limits
    every wait that is given no other. `http` is an httpx.Client to use and to leave open.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        timeout: float | timedelta | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        try:
            from durable_celery.client.waiting import HttpTransport  # noqa: PLC0415  # an extra
        except ModuleNotFoundError as error:
            raise _missing(error) from error
        super().__init__(HttpTransport(_flows(url, headers, timeout), http))


class AsyncClient(AsyncCaller):
    """The same for event loops, with an httpx.AsyncClient."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        timeout: float | timedelta | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        try:
            from durable_celery.client.awaiting import AsyncHttpTransport  # noqa: PLC0415  # an extra
        except ModuleNotFoundError as error:
            raise _missing(error) from error
        super().__init__(AsyncHttpTransport(_flows(url, headers, timeout), http))


def _flows(url: str, headers: Mapping[str, str] | None, timeout: float | timedelta | None) -> Flows:
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url!r} is no URL of an HTTP server: it begins with http:// or https://")
    return Flows(url.rstrip("/"), dict(headers or {}), None if timeout is None else clock.to_ms(timeout))


def _missing(error: ModuleNotFoundError) -> ImportError:
    if error.name != "httpx":
        return error
    return ImportError("calling over HTTP needs httpx: pip install 'durable-celery[client]'", name="httpx")
