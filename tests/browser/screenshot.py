"""`python -m tests.browser.screenshot`: the picture of the page in docs/, taken when another worker has gone on."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import expect

from tests.browser import chromium
from webapp.killing import Control
from webapp.stack import PROJECT, running

PICTURE = PROJECT / "docs" / "page.png"


def main() -> None:
    """Render the lines that the page comes with, kill the worker, and take the picture."""
    with tempfile.TemporaryDirectory() as name, chromium.started() as browser:
        folder = Path(name)
        with running(folder, redis_data=None, step_seconds=1, control=Control(), flower=False) as stack:
            page = browser.new_page(viewport={"width": 560, "height": 880}, color_scheme="light")
            page.goto(stack.web)
            page.get_by_role("button", name="Render").click()
            expect(page.locator("li.done")).to_have_count(3)
            page.get_by_role("button", name="Kill the worker").click()
            expect(page.locator("li.done")).to_have_count(4)
            page.locator("#execution").screenshot(path=PICTURE)
    print(f"{PICTURE}: {PICTURE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
