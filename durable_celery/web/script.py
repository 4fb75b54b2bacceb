"""The script for browsers, as it is sent: without the comments and the indentation of its source."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from durable_celery.web.answers import conditional, etag
from durable_celery.web.message import Call, Resp
from durable_celery.web.site import Site

#: Its text changes with releases only; a client that has it asks again after an hour.
_HEADERS = {"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "public, max-age=3600"}


def script(_: Site, call: Call) -> Resp:
    """The script for browsers that starts executions and follows them."""
    return conditional(call.req, Resp(200, {**_HEADERS, "ETag": etag(sent())}, sent()))


@cache
def sent() -> bytes:
    """What browsers are sent."""
    source = files("durable_celery.web").joinpath("durable.js").read_text("utf-8")
    return re.sub(r"^\s*//.*\n|^\s+", "", source, flags=re.MULTILINE).encode()
