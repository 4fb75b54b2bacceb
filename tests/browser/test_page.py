"""The page as a person uses it: typed, watched, killed, reloaded, heard."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect

from webapp.stack import Stack

LINES = ["One.", "<script>alert(1)</script>", '<img src=x onerror="alert(2)">', "& four", "Five."]


def render(page: Page, stack: Stack, lines: list[str] = LINES) -> None:
    page.goto(stack.web)
    page.get_by_label("Lines").fill("\n".join(lines))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")


def done(page: Page, number: int) -> None:
    page.wait_for_function("n => document.querySelectorAll('#steps li.done').length >= n", arg=number)


def said(page: Page, words: str) -> None:
    """Wait for words in the status; looks at every frame, since they may be gone soon."""
    page.wait_for_function(
        "words => new RegExp(words).test(document.querySelector('[role=status]').textContent)", arg=words
    )


def workers(page: Page) -> list[str]:
    return page.locator("#steps li small").all_text_contents()


def hear(page: Page) -> dict[str, Any]:
    """Play the sound until it has moved on; how long it is and where it came to."""
    heard: dict[str, Any] = page.evaluate(
        """async () => {
          const sound = document.querySelector("audio");
          await sound.play();
          await new Promise((go) => (sound.ontimeupdate = () => sound.currentTime > 0 && go()));
          return { duration: sound.duration, at: sound.currentTime, error: sound.error };
        }"""
    )
    return heard


def test_a_worker_is_killed_with_the_button_and_another_one_ends_what_can_be_heard(
    page: Page, stack: Stack, complaints: list[str]
) -> None:
    render(page, stack)
    done(page, 2)
    expect(page.locator("#steps li > span")).to_have_text([*LINES, "put the lines together"])

    page.get_by_role("button", name="Kill the worker").click()

    said(page, r"Worker (one|two) is gone; worker (one|two) goes on")
    done(page, len(LINES) + 1)
    said(page, r"Done: 5 lines, .* seconds, voice .*On the way worker (one|two) died")
    first, *_, last = workers(page)
    assert {first, last} == {"worker one", "worker two"}
    assert page.get_by_role("progressbar").evaluate("bar => bar.value / bar.max") == 1
    expect(page.get_by_role("button", name="Kill the worker")).to_be_hidden()
    heard = hear(page)
    assert heard["duration"] > 1
    assert heard["at"] > 0
    assert heard["error"] is None
    assert complaints == []


def test_who_reloads_the_page_goes_on_watching_also_while_the_server_is_started_again(
    page: Page, stack: Stack, complaints: list[str]
) -> None:
    render(page, stack)
    done(page, 2)
    page.reload()
    done(page, 2)
    assert page.locator("#steps li.done").count() < 6
    assert complaints == []

    stack.supervisor.kill("web")
    said(page, "does not answer|Done")
    done(page, 6)
    said(page, "Done: 5 lines")
    page.reload()
    said(page, "Done: 5 lines")
    expect(page.locator("#steps li.done > span")).to_have_text([*LINES, "put the lines together"])
    assert not [each for each in complaints if not each.startswith("Failed to load resource")]


def test_without_a_stream_it_asks_again_and_again(page: Page, stack: Stack) -> None:
    page.route("**/events", lambda route: route.abort())
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    render(page, stack)
    done(page, 6)
    said(page, "Done: 5 lines")
    assert sum(url.endswith("/status") for url in asked) >= 3


def test_what_cannot_be_done_is_said_in_words_and_nothing_becomes_markup(page: Page, stack: Stack) -> None:
    alert = page.get_by_role("alert")
    render(page, stack, ["", "  "])
    expect(alert).to_contain_text("must hold at least one line")
    for typed, words in (
        ("#<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("#nobody%zz", "nobody%zz"),
        ("#nobody", "nobody"),
    ):
        page.evaluate("hash => { location.hash = hash }", typed)
        expect(alert).to_contain_text(re.compile("id|known"))
        expect(page.locator("#name")).to_have_text(words)
        assert page.locator("main img, main script").count() == 0
