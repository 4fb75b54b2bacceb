"""Real servers and workers, and a module that must never be imported."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.workers import conftest as workers

servers, databases, make_fleet = workers.servers, workers.databases, workers.make_fleet
pytest_runtest_makereport = workers.pytest_runtest_makereport

MODULE = """
import pathlib
pathlib.Path({told!r}).touch()

class Boom(Exception):
    pass

def body(ctx=None, *args):
    return 1
"""


@dataclass(frozen=True, slots=True)
class Canary:
    """A folder with `canary_module`, which leaves a file behind when it is imported."""

    folder: Path

    @property
    def imported(self) -> bool:
        return (self.folder / "imported").exists()

    def sings(self, name: str) -> bool:
        """Whether something of this name was run."""
        return (self.folder / name).exists()


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canary]:
    """The module can be imported in this process too; after the tests it must not have been."""
    made = Canary(tmp_path_factory.mktemp("canary"))
    (made.folder / "canary_module.py").write_text(MODULE.format(told=str(made.folder / "imported")))
    sys.path.insert(0, str(made.folder))
    yield made
    sys.path.remove(str(made.folder))
    assert "canary_module" not in sys.modules
    assert not made.imported
