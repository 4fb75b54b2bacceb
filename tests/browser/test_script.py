"""`durable.js` in a browser, before every framework: to the end and no further, and past what goes wrong."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from durable_celery import Durable
from durable_celery.dev.child import wait_until
from tests.browser import chromium
from tests.docs.blocks import ROOT, blocks
from tests.rest import closed_at_rest
from tests.web import shop
from tests.web.servers import KINDS, served

#: Follows into `told`: the names of what was told, with what matters of it.
FOLLOW = """id => {
  window.told = []
  const note = name => it => told.push([name, it.state ?? it.done ?? it.type ?? it, it.result ?? it.position])
  const on = Object.fromEntries(["state", "step", "progress", "retry", "end", "error"].map(n => ["on" + n, note(n)]))
  window.stop = durable.follow("/durable/executions/" + id, on)
}"""
START = """([id, gate]) => durable
  .start("/durable/functions/steps/executions/" + id, { args: [gate] }, { method: "PUT" })
  .then(it => it.status, problem => problem.type)"""


@pytest.fixture(scope="module")
def durable() -> Iterator[Durable]:
    with closed_at_rest(Durable.local()) as made:
        yield made


@pytest.fixture(scope="module")
def addresses(durable: Durable) -> Iterator[dict[str, str]]:
    functions = shop.registered(durable)
    said = {"expose": [functions["steps"], functions["greet"]]}
    with ExitStack() as servers:
        yield {kind: servers.enter_context(served(kind, durable, functions, said)) for kind in KINDS}


@pytest.fixture
def id() -> Iterator[str]:
    made = f"b-{uuid.uuid4().hex[:8]}"
    yield made
    shop.gates[made].set()


def loaded(page: Page, url: str) -> Page:
    page.goto(f"{url}/durable/healthz")
    page.evaluate("import('/durable/durable.js')")
    return page


def told(page: Page, name: str) -> list[Any]:
    """Wait until something of this name was told, and return all that was."""
    page.wait_for_function("name => told.some(each => each[0] == name)", arg=name)
    found: list[Any] = page.evaluate("told")
    return found


def test_every_framework_tells_the_story_to_its_end_and_is_asked_nothing_more(
    browser: Browser, addresses: dict[str, str], id: str
) -> None:
    complaints: list[str] = []
    asked: list[str] = []
    with ExitStack() as pages:
        opened = [pages.enter_context(chromium.opened(browser, complaints)) for _ in addresses]
        for page, (kind, url) in zip(opened, addresses.items(), strict=True):
            loaded(page, url)
            assert page.evaluate(START, [f"{id}-{kind}", id]) in ("queued", "running")
            page.evaluate(FOLLOW, f"{id}-{kind}")
            told(page, "step")
        shop.gates[id].set()
        for page in opened:
            found = told(page, "end")
            assert [each for each in found if each[0] == "end"] == [["end", "resolved", ["hello one", id]]]
            assert [each[2] for each in found if each[:2] == ["step", "resolved"]] == ["1", "2"]
            assert ["progress", 3, None] in found
            page.on("request", lambda request: asked.append(request.url))
        opened[0].wait_for_timeout(2500)  # longer than a stream that was not closed would take to be opened again
    assert asked == []
    assert complaints == []


def test_where_streams_fail_it_asks_and_is_answered_that_nothing_is_new(
    page: Page, addresses: dict[str, str], id: str
) -> None:
    loaded(page, addresses["flask"])
    page.route("**/events", lambda route: route.abort())
    answers: list[int] = []
    page.on("response", lambda answer: answers.append(answer.status) if answer.url.endswith(id) else None)
    page.evaluate(START, [id, id])
    page.evaluate(FOLLOW, id)
    told(page, "step")
    assert wait_until(lambda: page.wait_for_timeout(50) or 304 in answers, 10)
    shop.gates[id].set()
    found = told(page, "end")
    assert [each[2] for each in found if each[:2] == ["step", "resolved"]] == ["1", "2"]
    assert ["progress", 3, None] in found


def test_while_nobody_answers_it_starts_and_asks_again(page: Page, addresses: dict[str, str], id: str) -> None:
    loaded(page, addresses["fastapi"])
    page.evaluate("() => { const real = setTimeout; self.setTimeout = (call, ms) => real(call, ms / 20) }")
    keys: list[str] = []
    failures: list[str] = ["start", "start", "ask", "ask"]

    def fail(route: Route, kind: str) -> None:
        keys.append(route.request.headers.get("idempotency-key", ""))
        if kind not in failures:
            route.continue_()
            return
        failures.remove(kind)
        if failures.count(kind):
            route.abort()
        else:
            route.fulfill(status=503, headers={"Retry-After": "1"}, body="{}")

    shop.gates[id].set()
    page.route("**/functions/**", lambda route: fail(route, "start"))
    started = page.evaluate("gate => durable.start('/durable/functions/steps/executions', {args: [gate]})", id)
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert keys[0]
    page.route("**/executions/key-*", lambda route: fail(route, "ask"))
    page.evaluate(FOLLOW, started["id"])
    assert [each[:2] for each in told(page, "end") if each[0] == "retry"] == [["retry", 2], ["retry", 1]]


def test_a_refusal_ends_it_and_who_stops_is_told_nothing_more(page: Page, addresses: dict[str, str], id: str) -> None:
    loaded(page, addresses["django-wsgi"])
    page.evaluate(FOLLOW, "nobody")
    assert told(page, "error") == [["error", "unknown-execution", None]]
    assert page.evaluate("durable.start('/durable/functions/none/executions', {}).catch(it => it.type)") == (
        "unknown-function"
    )
    page.evaluate(START, [id, id])
    page.evaluate(FOLLOW, id)
    told(page, "step")
    page.evaluate("stop(); told.length = 0")
    shop.gates[id].set()
    page.wait_for_timeout(300)
    assert page.evaluate("told") == []


def test_the_page_that_the_documentation_shows_works_as_it_is(
    page: Page, addresses: dict[str, str], complaints: list[str]
) -> None:
    (html,) = (block.text for block in blocks(ROOT / "docs" / "browser.md") if block.language == "html")
    page.route("**/greeting", lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto(addresses["django-asgi"] + "/greeting")
    expect(page.locator("output")).to_have_text("hello Ann")
    assert complaints == []
