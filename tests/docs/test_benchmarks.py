"""Every benchmark does what it says; how fast it is here, nobody asks."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = sorted((Path(__file__).parents[2] / "benchmarks").glob("[a-z]*.py"))
#: Sizes at which a benchmark takes no time.
SMALL: dict[str, Any] = {
    "STEPS": 20,
    "ROUNDS": 1,
    "CHILDREN": 10,
    "LENGTHS": (10, 20, 30),
    "CALLS": 10,
    "WRK": None,
    "FRAMEWORKS": ("flask",),
    "LISTENERS": 10,
    "TOLD": 1,
    "REST_S": 0.0,
    "IDLE_S": 0.1,
}


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_a_benchmark_runs(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = loaded(path)
    made_small = [name for name in SMALL if hasattr(module, name)]
    for name in made_small:
        setattr(module, name, SMALL[name])

    module.main()

    assert made_small
    assert capsys.readouterr().out.count("\n") >= 3


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"benchmark_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for what they are annotated with
    spec.loader.exec_module(module)
    return module
