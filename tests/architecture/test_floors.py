"""The house: imports go down, files are small, every script and every public name says what it is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "durable_celery"
#: From the ground up. A module may import from its own room's lower entries and from floors below.
FLOORS = [
    ["errors"],
    ["clock", "ids", "telemetry", "promise", "presence", "hint"],
    ["seal"],
    ["codec", "serde"],
    ["encryption"],
    ["newpromise", "tending", "looking"],
    ["store"],
    ["around"],
    ["retry", "state"],
    ["journal", "registry", "settings", "calloptions"],
    ["op"],
    ["operations", "body"],
    ["handler"],
    ["calls", "saga", "runoptions", "lines"],
    ["request"],
    ["invoking", "handlers"],
    ["context"],
    ["keyed", "combining"],
    ["service", "object", "workflow"],
    ["lease", "cancellation", "strands", "unreadable"],
    ["fence"],
    ["beginning"],
    ["attempt"],
    ["engine"],
    ["steps"],
    ["following"],
    ["handle", "start", "promises", "forks"],
    ["invocations", "again"],
    ["calling"],
    ["client"],
    ["stores"],
    ["configured", "storage"],
    ["inprocess", "worker"],
    ["function"],
    ["durable"],
    ["http"],
    ["ingress", "web"],
    ["django"],
    ["dev"],
    ["__init__"],
]
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
FILES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    """The floor plan's name for a file: its top-level module or folder."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> list[str]:
    """What a file imports at run time, lazily or not; what is for type checkers only may look up."""
    found: list[str] = []
    tree = ast.parse(path.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    own = room(path)
    for name in imports(path):
        if name.startswith("durable_celery."):
            target = name.split(".")[1]
            assert target == own or FLOOR[target] < FLOOR[own], f"{own} imports {name}, which is not below it"


def test_every_room_has_a_floor() -> None:
    assert {room(path) for path in FILES} == set(FLOOR)


def test_the_page_on_concepts_names_every_room_on_its_floor() -> None:
    page = (PACKAGE.parent / "docs" / "concepts.md").read_text().partition("## The floors")[2]
    named = [re.findall(r"\w+", row.split("|")[2]) for row in page.splitlines() if row.startswith("| ") and "`" in row]

    assert [name for names in named for name in names] == [name for names in FLOORS[:-1] for name in names]


@pytest.mark.parametrize(
    ("library", "rooms"),
    [
        ("celery", {"worker", "durable"}),
        ("redis", {"stores", "dev"}),
        ("flask", {"web"}),
        ("django", {"web", "django"}),
        ("django_tasks", {"django"}),
        ("fastapi", {"web"}),
        ("itsdangerous", {"web"}),
        ("httpx", {"client"}),
        ("kombu", {"worker", "codec"}),
        ("cryptography", {"encryption"}),
        ("msgspec", {"serde"}),
        ("pydantic", {"serde"}),
        ("starlette", {"ingress", "web"}),
    ],
)
def test_libraries_are_spoken_in_their_rooms_only(library: str, rooms: set[str]) -> None:
    speakers = {room(path) for path in FILES if any(name.split(".")[0] == library for name in imports(path))}
    assert speakers <= rooms


def test_only_errors_defines_exceptions() -> None:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and room(path) != "errors":
                bases = " ".join(ast.unparse(base) for base in node.bases)
                assert not re.search(r"(Error|Exception)\b", bases), f"{path.name} defines {node.name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_and_functions_are_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.body[0].lineno + 1
            assert length <= 40, f"{node.name} has {length} lines after its signature"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_classes_and_functions_say_what_they_are(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), f"{path.name} has no docstring"
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            recorded = isinstance(node, ast.ClassDef) and len(node.body) < 8
            assert ast.get_docstring(node) or recorded, f"{node.name} has no docstring"


def test_nothing_prints() -> None:
    for path in FILES:
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        assert not any(isinstance(call.func, ast.Name) and call.func.id == "print" for call in calls), path.name
