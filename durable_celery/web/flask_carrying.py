"""A Flask request as JSON, so that another process has it; and back."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import flask
from werkzeug.datastructures import FileStorage
from werkzeug.http import parse_options_header
from werkzeug.test import EnvironBuilder

from durable_celery.http.bodies import check_declared, too_large

#: Headers that say who sends the request: they stay in the process that was sent them.
CREDENTIALS = frozenset(
    {
        *("authorization", "cookie", "proxy-authorization"),
        *("x-api-key", "x-auth-token", "x-access-token", "x-csrf-token", "x-csrftoken", "x-xsrf-token"),
    }
)
#: What of the WSGI environment travels beside the headers.
_KEPT = (
    *("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL"),
    *("REMOTE_ADDR", "REMOTE_USER", "CONTENT_TYPE", "HTTP_HOST", "wsgi.url_scheme"),
)
_HEADER = "HTTP_"
#: These are about the connection, or about the answer that the client has had already.
_LEFT = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "expect", "prefer"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrying:
    """Which headers travel: all but credentials; with `headers` these only; with `credentials` all."""

    headers: frozenset[str] | None
    credentials: bool
    max_body: int

    def takes(self, name: str) -> bool:
        """Whether a header travels; its name in lower case."""
        if self.headers is not None:
            return name in self.headers
        return name not in _LEFT and (self.credentials or name not in CREDENTIALS)


def carried(
    request: flask.Request, args: Iterable[Any], kwargs: Mapping[str, Any], carrying: Carrying, asked: str | None
) -> dict[str, Any]:
    """The request, and what its view was called with; `same` is by what requests are told apart. Raises Problem."""
    data, content_type = _body(request, carrying.max_body)
    environ = {name: request.environ[name] for name in _KEPT if name in request.environ}
    environ |= {
        name: value
        for name, value in request.environ.items()
        if name.startswith(_HEADER) and carrying.takes(name[len(_HEADER) :].lower().replace("_", "-"))
    }
    environ["CONTENT_TYPE"] = content_type
    return {
        "environ": {name: str(value) for name, value in environ.items()},
        "body": packed(data),
        "args": list(args),
        "kwargs": dict(kwargs),
        "same": _same(request, data, content_type, args, kwargs, asked),
    }


def environ_of(said: Mapping[str, Any]) -> dict[str, Any]:
    """The WSGI environment of a request that was carried."""
    data = unpacked(said["body"])
    return {
        **said["environ"],
        "CONTENT_LENGTH": str(len(data)) if data else "",
        "wsgi.version": (1, 0),
        "wsgi.input": io.BytesIO(data),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def packed(data: bytes) -> dict[str, str]:
    """Bytes as JSON: as text when they are."""
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def unpacked(said: Mapping[str, str]) -> bytes:
    """The bytes again."""
    return said["text"].encode() if "text" in said else base64.b64decode(said["base64"])


def _body(request: flask.Request, limit: int) -> tuple[bytes, str]:
    """The body and its media type; written anew when somebody has read the form that it was. Raises Problem."""
    check_declared(str(request.content_length or 0), limit)
    content_type = str(request.environ.get("CONTENT_TYPE", ""))
    read = vars(request)
    if read.get("form") or read.get("files"):
        fields = {**request.form.to_dict(flat=False), **{name: _again(files) for name, files in request.files.lists()}}
        environ = EnvironBuilder(method="POST", data=fields, content_type=content_type.partition(";")[0]).get_environ()
        data, content_type = environ["wsgi.input"].read(), environ["CONTENT_TYPE"]
    elif request.content_length is None:
        data = request.stream.read(limit + 1) or request.get_data()  # somebody may have read it
    else:
        data = request.get_data()
    if len(data) > limit:
        raise too_large(limit)
    return data, content_type


def _again(files: Iterable[FileStorage]) -> list[tuple[io.BytesIO, str | None, str]]:
    """Files whose contents may be read here, and once more by whoever has them."""
    found = []
    for file in files:
        file.seek(0)
        found.append((io.BytesIO(file.read()), file.filename, file.mimetype))
        file.seek(0)
    return found


def _same(
    request: flask.Request,
    data: bytes,
    content_type: str,
    args: Iterable[Any],
    kwargs: Mapping[str, Any],
    asked: str | None,
) -> str:
    """What is the same when a request is sent again; its headers need not be, nor what separates a form's parts."""
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    if boundary:
        data, content_type = data.replace(boundary.encode(), b""), content_type.replace(boundary, "")
    called = json.dumps([list(args), dict(kwargs)], sort_keys=True, default=str)
    parts = [request.method, request.path, request.query_string.decode("latin-1"), content_type, called, asked or ""]
    return hashlib.sha256(json.dumps(parts).encode() + b"\n" + data).hexdigest()[:40]
