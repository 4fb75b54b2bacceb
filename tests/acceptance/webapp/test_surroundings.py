"""What stands around renderings and orders: health, the page, a store that is down."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from celery import Celery

from durable_celery import Durable
from tests.acceptance.webapp.client import SCRIPT, problem, told_by
from webapp import create_app

if TYPE_CHECKING:
    from flask.testing import FlaskClient


def test_health_is_told_without_asking_the_store() -> None:
    answer = create_app(unreachable()).test_client().get("/healthz")

    assert (answer.status_code, told_by(answer)) == (200, {"status": "ok"})


def test_the_page_has_a_form(web: FlaskClient) -> None:
    answer = web.get("/")

    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert "<form" in answer.text


def test_a_store_that_is_down_is_said_soon() -> None:
    web = create_app(unreachable()).test_client()
    begun = time.monotonic()

    for answer in (
        web.post("/render/r1", json=SCRIPT),
        web.get("/render/r1/status"),
        web.get("/orders/o1"),
    ):
        problem(answer, 503, "store-unavailable")
        assert int(answer.headers["Retry-After"]) >= 1

    assert time.monotonic() - begun < 12


def unreachable() -> Durable:
    """Build one whose Redis does not exist: nothing listens on the port named `tcpmux`."""
    nowhere = "redis://127.0.0.1:1/0"
    return Durable(Celery("nowhere", broker=nowhere, backend=nowhere))
