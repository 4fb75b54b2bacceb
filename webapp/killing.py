"""A button that kills a worker, for `make dev` only: whoever started the workers is asked to kill one of them.

The web application never kills by itself: it tells the program that started the worker who is to die, and that one
looks whether it is a worker of its own.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Blueprint, jsonify, request

from webapp import monitor, validation
from webapp.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Response

#: Where the program that started the workers listens: "port:password", always on this machine.
VARIABLE = "DURABLE_DEV_CONTROL"
HOST = "127.0.0.1"
#: How the page may be addressed; under another name a foreign site could have had its name point here.
_OWN_NAMES = ("127.0.0.1", "localhost")
_LONGEST = 1000

blueprint = Blueprint("killing", __name__)


class Control:
    """Listens, on this machine, for workers that are to be killed, and hands each holder to `kill`."""

    def __init__(self) -> None:
        self._password = secrets.token_hex(16)
        self._listener = Listener((HOST, 0), authkey=self._password.encode())

    @property
    def environment(self) -> dict[str, str]:
        """What a web application has to be told to reach it."""
        address: Any = self._listener.address
        return {VARIABLE: f"{address[1]}:{self._password}"}

    def serve(self, kill: Callable[[str], str]) -> None:
        """Do what is asked, until this process ends; `kill` gives the name of the dead, or raises LookupError."""
        threading.Thread(target=self._serve, args=(kill,), daemon=True).start()

    def _serve(self, kill: Callable[[str], str]) -> None:
        while True:
            with contextlib.suppress(AuthenticationError, EOFError, OSError), self._listener.accept() as caller:
                try:
                    said = kill(caller.recv_bytes(_LONGEST).decode())
                except (LookupError, ValueError):
                    said = ""
                caller.send_bytes(said.encode())


def is_possible() -> bool:
    """Whether somebody listens."""
    return VARIABLE in os.environ


@blueprint.post("/dev/kill")
def kill() -> Response:
    """SIGKILL the worker that holds the rendering {"id": "…"}; nobody has this address but the page of `make dev`."""
    if not is_possible():
        raise Problem(404, "about:blank", "there is nothing at this address")
    _check_sender()
    body = validation.json_object(request)
    wanted = body.get("id")
    if not isinstance(wanted, str):
        raise Problem(422, "invalid-arguments", "/id must be a string", pointer="/id")
    _, record = monitor.find(wanted, "render")
    killed = _ask(record.holder) if record.holder and not record.state.settled else ""
    if not killed:
        raise Problem(409, "nobody-at-work", "no worker of this machine is at work on it just now")
    return jsonify({"killed": killed})


def _check_sender() -> None:
    """Let pass only what the page itself sent: other sites can neither name this origin nor send JSON here."""
    origin = request.headers.get("Origin", "")
    if origin != f"http://{request.host}" or urlsplit(origin).hostname not in _OWN_NAMES:
        raise Problem(403, "forbidden", "only the page itself may ask for this")


def _ask(holder: str) -> str:
    port, _, password = os.environ[VARIABLE].partition(":")
    try:
        with Client((HOST, int(port)), authkey=password.encode()) as control:
            control.send_bytes(holder.encode())
            return control.recv_bytes(_LONGEST).decode()
    except (OSError, EOFError, AuthenticationError):
        return ""
