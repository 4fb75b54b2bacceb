"""Calling handlers from outside: what every client has in common, and the two that need no server."""

from __future__ import annotations

from durable_celery.calling.asynccaller import AsyncCaller as AsyncCaller
from durable_celery.calling.asynccaller import AsyncInvocation as AsyncInvocation
from durable_celery.calling.caller import Caller as Caller
from durable_celery.calling.caller import Invocation as Invocation
from durable_celery.calling.door import Clients as Clients
from durable_celery.calling.proxies import Bound as Bound
from durable_celery.calling.proxies import Proxy as Proxy
from durable_celery.calling.request import Request as Request
