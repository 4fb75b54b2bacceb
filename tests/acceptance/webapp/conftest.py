"""An application of its own for each test, and a way to hold it in the middle of its work."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from durable_celery import Durable
from tests.acceptance.webapp.client import until
from tests.rest import closed_at_rest
from webapp import create_app
from workers import sound

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask.testing import FlaskClient


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files in a folder of this test's own, and Morse code wherever it runs."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("RENDER_DIR", str(tmp_path / "renders"))
    monkeypatch.setenv("RENDER_LEDGER", str(tmp_path / "ledger.txt"))
    monkeypatch.setenv("ORDER_LEDGER", str(tmp_path / "orders.jsonl"))
    monkeypatch.delenv("RENDER_STEP_SECONDS", raising=False)


@pytest.fixture
def durable() -> Iterator[Durable]:
    with closed_at_rest(Durable.local()) as local:
        yield local


@pytest.fixture
def web(durable: Durable) -> FlaskClient:
    return create_app(durable).test_client()


@pytest.fixture
def held(durable: Durable, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Hold the rendering r1 at its second line until the event is set; let it end before the test does."""
    gate, speak = threading.Event(), sound.speak

    def gated(text: str, path: Path) -> tuple[str, int]:
        if not path.name.startswith("000"):
            assert gate.wait(30)
        return speak(text, path)

    monkeypatch.setattr(sound, "speak", gated)
    yield gate
    gate.set()
    until("the end of r1", durable.get("r1").done)
