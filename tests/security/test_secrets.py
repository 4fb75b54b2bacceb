"""What proves a right is compared in constant time, wherever it is compared."""

from __future__ import annotations

import ast
import hmac
import re
from pathlib import Path
from typing import Any

import pytest

from durable_celery.errors.problem import Problem
from durable_celery.web.links import Links
from tests.docs.blocks import blocks, pages

ROOT = Path(__file__).parents[2]
PROGRAMS = [
    path for name in ("durable_celery", "webapp", "workers", "examples") for path in (ROOT / name).rglob("*.py")
]
SECRET = re.compile(r"secret|signature\b|password|api_key|\bhmac", re.IGNORECASE)


def compared(text: str) -> list[str]:
    """The comparisons that look at something that is called a secret, and stop at the first letter that differs."""
    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Compare)
        and any(isinstance(each, ast.Eq | ast.NotEq) for each in node.ops)
        and SECRET.search(ast.unparse(node))
    ]


def test_no_program_and_no_page_compares_a_secret_with_equals() -> None:
    assert compared("if given != ctx.get('secret'): pass"), "it would be found"
    found = {str(path.relative_to(ROOT)): compared(path.read_text()) for path in PROGRAMS}
    found |= {str(each): compared(each.text) for page in pages() for each in blocks(page) if each.language == "python"}
    assert {where: what for where, what in found.items() if what} == {}


def test_the_signature_of_a_link_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bool] = []
    real = hmac.compare_digest

    def watched(one: Any, other: Any) -> bool:
        compared.append(real(one, other))
        return compared[-1]

    monkeypatch.setattr(hmac, "compare_digest", watched)
    links = Links("sesame")
    token = links.token("order-1", "resolve", expires_in=60)
    links.check(token, "order-1", "resolve")
    assert compared == [True]
    with pytest.raises(Problem, match="not made here"):
        links.check(token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), "order-1", "resolve")
    assert compared[1:] == [False]
