"""An audit that could not be made is no audit that was passed."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
AUDIT = runpy.run_path(str(ROOT / ".ci" / "audit.py"))
CLEAN = {"name": "celery", "version": "5.7.0", "vulns": []}
KNOWN = {"name": "Redis", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}
SKIPPED = {"name": "redis", "skip_reason": "Dependency not found on PyPI and could not be audited"}


@pytest.mark.parametrize(
    ("said", "code", "why"),
    [
        ({"dependencies": [CLEAN, {**KNOWN, "vulns": []}]}, 0, []),
        ({"dependencies": [CLEAN, KNOWN]}, 1, ["Redis 1.0: PYSEC-1, mended in ['1.1']"]),
        ({"dependencies": [CLEAN, SKIPPED]}, 3, ["not found in the database: redis"]),
        ({"dependencies": [CLEAN]}, 3, ["not found in the database: redis"]),
        ({"failed": "ConnectionError"}, 3, ["ConnectionError"]),
    ],
    ids=["clean", "known", "skipped", "forgotten", "no network"],
)
def test_how_an_audit_ends(said: dict[str, Any], code: int, why: list[str]) -> None:
    assert AUDIT["judge"](said, {"celery": "5.7.0", "redis": "1.0"}) == (code, why)


def test_what_is_audited_is_what_users_install() -> None:
    shipped = AUDIT["shipped"]()
    assert {"celery", "kombu", "redis", "msgspec", "cryptography", "starlette", "httpx", "itsdangerous"} <= set(shipped)
    assert "pytest" not in shipped


def test_every_dependency_has_a_lower_bound() -> None:
    project = AUDIT["tomllib"].loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [
        *project["dependencies"],
        *(each for name in AUDIT["EXTRAS"] for each in project["optional-dependencies"][name]),
    ]
    assert [each for each in needed if ">=" not in each] == []


def test_the_machine_that_checks_each_change_audits() -> None:
    run = (ROOT / ".ci" / "run").read_text()
    assert "pip check" in run
    assert ".ci/audit.py" in run
