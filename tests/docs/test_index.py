"""The index names every page and every example, and every operation of a ctx is explained on some page."""

from __future__ import annotations

import dataclasses
import inspect
import re

import pytest

from durable_celery import Context, Op, RetryPolicy
from tests.docs.blocks import ROOT

DOCS = ROOT / "docs"
INDEX = (DOCS / "README.md").read_text()
PAGES = "\n".join(page.read_text() for page in DOCS.glob("*.md"))
#: Public for the engine, not for bodies.
ENGINES_OWN = {"limit", "fail", "close"}
OPERATIONS = sorted(name for name in vars(Context) if not name.startswith("_") and name not in ENGINES_OWN)


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_a_page_is_in_the_index(page) -> None:
    assert page.name == "README.md" or f"]({page.name})" in INDEX


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*/README.md")), ids=lambda path: path.parent.name)
def test_an_example_is_in_the_index(example) -> None:
    assert f"](../examples/{example.parent.name})" in INDEX


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_a_ctx_offers_is_on_a_page(name: str) -> None:
    assert re.search(rf"\bctx\.{name}\b", PAGES)


@pytest.mark.parametrize("name", sorted(set(inspect.signature(Op.options).parameters) - {"self"}))
def test_an_option_of_a_call_is_on_the_page_of_children(name: str) -> None:
    assert re.search(rf"^\|.*`{name}`.*\|", (DOCS / "children.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(RetryPolicy)])
def test_a_word_of_a_retry_policy_is_on_its_page(name: str) -> None:
    assert f"| `{name}` |" in (DOCS / "retries.md").read_text()


def test_the_first_page_leads_to_the_index() -> None:
    assert "](docs/README.md)" in (ROOT / "README.md").read_text()
