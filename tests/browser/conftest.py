"""The browser, and the page of `make dev` with real workers behind it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import chromium
from webapp.dev import start_again
from webapp.killing import Control
from webapp.stack import Stack, running

STEP_SECONDS = 0.3


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.started() as browser:
        yield browser


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, complaints: list[str]) -> Iterator[Page]:
    with chromium.opened(browser, complaints) as page:
        yield page


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("page")
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            start_again(stack)

    with running(
        folder, redis_data=folder / "redis", step_seconds=STEP_SECONDS, control=Control(), flower=False
    ) as stack:
        watching = threading.Thread(target=watch)
        watching.start()
        yield stack
        over.set()
        watching.join(30)
        for name in ("worker one", "worker two", "web"):  # nobody is left to be polite to
            stack.supervisor.kill(name)
