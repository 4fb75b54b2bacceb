"""Every row of the table, in every framework."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.conftest import Web, problem
from tests.web.table import ROWS, Row


def filled(said: Any, id: str) -> Any:
    """The test's own id wherever {id} stands."""
    if isinstance(said, str):
        return said.replace("{id}", id)
    if isinstance(said, dict):
        return {name: filled(value, id) for name, value in said.items()}
    return [filled(each, id) for each in said] if isinstance(said, list) else said


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_framework_answers_as_the_table_says(web: Web, row: Row) -> None:
    row.before(web)
    method, path = filled(row.asked, web.id).split(" ")
    sent = {name: value if isinstance(value, bytes) else filled(value, web.id) for name, value in row.sent.items()}

    answer = web.ask(method, path, **sent)
    row.after(web)

    assert answer.status_code == row.status, answer.text
    for name, value in filled(row.headers, web.id).items():
        assert answer.headers.get(name) == value, name
    if row.kind:
        problem(answer, row.status, row.kind)
    if row.said is ...:
        assert answer.content
        return
    if not answer.content:
        assert "content-type" not in answer.headers or method == "HEAD"
        return
    if not isinstance(row.said, dict):
        assert answer.json() == row.said
        return
    for name, value in filled(row.said, web.id).items():
        if value is ...:
            assert name not in answer.json()
        else:
            assert answer.json()[name] == value, answer.json()


def test_no_row_is_told_twice() -> None:
    names = [row.name for row in ROWS]
    assert len(names) == len(set(names))
