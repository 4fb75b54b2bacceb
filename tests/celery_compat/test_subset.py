"""A bounded part of Celery's own tests; all of them run with `python -m tests.celery_compat`.

What needs no download stands in tests/acceptance/workers/test_unregistered_tasks.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from durable_celery.dev import EmbeddedRedis
from tests.celery_compat.suite import NoSource, lost, outcomes, run, source

SUBSET = [
    *(f"test_tasks.py::test_tasks::test_{name}" for name in ("basic_task", "ignore_result", "fail", "properties")),
    *(f"test_tasks.py::test_tasks::test_{name}" for name in ("task_retried_once", "wrong_arguments", "unicode_task")),
    *(f"test_canvas.py::test_chain::test_{name}" for name in ("simple_chain", "chain_on_error")),
    "test_canvas.py::test_group::test_empty_group_result",
]


@pytest.fixture(scope="module")
def redis() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as server:
        yield server


@pytest.mark.slow
def test_a_part_of_celerys_own_tests_passes_with_a_durable_as_it_does_without(redis: EmbeddedRedis) -> None:
    try:
        source()
    except NoSource as error:
        pytest.skip(f"Celery's own tests are not to be had here: {error}")
    stock = run(redis, SUBSET, durable=False)

    assert len(stock) == len(SUBSET)
    assert set(stock.values()) == {"passed"}
    assert lost(stock, run(redis, SUBSET, durable=True)) == []


def test_a_report_is_read_by_address_and_outcome(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        '<testsuites><testsuite><testcase classname="t.integration.test_a.test_b" name="test_c"/>'
        '<testcase classname="t.integration.test_a" name="test_d[1]"><failure/></testcase>'
        '<testcase classname="t.integration.test_a" name="test_e"><skipped/></testcase></testsuite></testsuites>'
    )

    assert outcomes(report) == {
        "test_a.py::test_b::test_c": "passed",
        "test_a.py::test_d[1]": "failed",
        "test_a.py::test_e": "skipped",
    }


def test_lost_is_what_passed_and_does_not_any_more() -> None:
    stock = {"a": "passed", "b": "passed", "c": "failed", "d": "skipped", "e": "passed"}

    assert lost(stock, {"a": "passed", "b": "error", "c": "failed", "d": "skipped"}) == ["b", "e"]
