"""What a client of the web application sends, waits for and checks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

PROBLEM = "application/problem+json"
SCRIPT = {"text_list": ["one", "two", "three"]}
ORDER = {"item": "kettle", "quantity": 2, "amount": 4200}


def until(what: str, look: Callable[[], Any]) -> Any:
    """Look until something is seen; fail saying what was waited for."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if seen := look():
            return seen
        time.sleep(0.01)
    pytest.fail(f"waited in vain for {what}")


def ended(web: FlaskClient, url: str) -> dict[str, Any]:
    """Poll a monitor as a client would, and return its last document."""

    def look() -> TestResponse | None:
        answer = web.get(url)
        assert answer.status_code in (200, 202), answer.text
        return answer if answer.status_code == 200 else None

    document: dict[str, Any] = told_by(until(f"200 from {url}", look))
    return document


def result(web: FlaskClient, url: str) -> dict[str, Any]:
    """Poll a monitor until the end, which must be a good one, and return the result."""
    document = ended(web, url)
    assert document["status"] == "succeeded", document
    outcome: dict[str, Any] = document["result"]
    return outcome


def told_by(answer: TestResponse) -> Any:
    """Return the document in an answer."""
    return answer.json


def problem(answer: TestResponse, status: int, kind: str) -> dict[str, Any]:
    """Check that an answer is a whole problem document, and return it."""
    assert (answer.status_code, answer.mimetype) == (status, PROBLEM), answer.text
    document: dict[str, Any] = told_by(answer)
    assert document["type"] == kind
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    return document


def told(tmp_path: Path) -> list[list[str]]:
    return [line.split() for line in (tmp_path / "ledger.txt").read_text().splitlines()]


def waiting(web: FlaskClient, url: str) -> dict[str, Any]:
    document: dict[str, Any]
    document = until("the approval", lambda: (it := told_by(web.get(url)))["links"].get("approval") and it)
    return document
