"""Sending a webhook: what each answer means, and that no receiver holds a worker up."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import flask
import pytest

from durable_celery import RetryableError, TerminalError
from durable_celery.dev import free_port
from durable_celery.web import delivery
from durable_celery.web.delivery import Webhook, send
from durable_celery.web.webhooks import verify
from tests.web.servers import on_waitress

SECRETS = ["old", "new"]
got: list[tuple[str, dict[str, str], bytes]] = []


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    app = flask.Flask("receiver")

    @app.post("/<int:status>")
    def answer(status: int) -> Any:
        got.append((flask.request.full_path, dict(flask.request.headers), flask.request.get_data()))
        return "", status, {"Retry-After": flask.request.args.get("after", ""), "Location": "/200"}

    with on_waitress(app) as found:
        yield found


def sent(url: str) -> int:
    got.clear()
    return send(Webhook(id="m-1", url=url, told={"id": "a", "state": "resolved"}), SECRETS)


def test_it_is_taken_with_any_2xx_and_signed_with_every_secret(url: str) -> None:
    assert (sent(f"{url}/200?a=b"), sent(f"{url}/202?a=b")) == (200, 202)
    ((path, headers, body),) = got
    assert (path, body) == ("/202?a=b", b'{"id":"a","state":"resolved"}')
    assert (headers["Webhook-Id"], headers["Content-Type"]) == ("m-1", "application/json")
    assert all(verify(secret, headers, body) for secret in SECRETS)


def test_whoever_is_gone_is_not_called_again(url: str) -> None:
    with pytest.raises(TerminalError, match="410"):
        sent(f"{url}/410")


@pytest.mark.parametrize(
    ("answer", "seconds"), [("302", None), ("404", None), ("500", None), ("429?after=7", 7), ("503?after=99999", 3600)]
)
def test_anything_else_is_tried_again_when_the_receiver_says(url: str, answer: str, seconds: int | None) -> None:
    with pytest.raises(RetryableError) as failed:
        sent(f"{url}/{answer}")
    assert failed.value.seconds == seconds
    assert len(got) == 1, "no redirect is followed"


def test_nobody_there_is_an_error_to_be_tried_again() -> None:
    with pytest.raises(OSError):
        sent(f"http://127.0.0.1:{free_port()}/")


@pytest.mark.parametrize("said", [b"H", b"this is not HTTP\r\n\r\n", b""])
def test_a_receiver_that_answers_byte_by_byte_or_nonsense_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(delivery, "WHOLE_S", 0.3)
    listening, over = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def drip() -> None:
        peer, _ = listening.accept()
        with contextlib.suppress(OSError), peer:
            while not over.is_set():
                peer.sendall(said)
                if said != b"H":
                    return
                over.wait(0.05)

    thread = threading.Thread(target=drip)
    thread.start()
    began = time.monotonic()
    with pytest.raises(OSError):
        sent(f"http://127.0.0.1:{listening.getsockname()[1]}/")
    assert time.monotonic() - began < 5
    over.set()
    thread.join(5)
    listening.close()
