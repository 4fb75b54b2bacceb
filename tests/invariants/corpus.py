"""The bodies that the laws of replay are held against: each shape in each style, and what it must come to."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from durable_celery.promise import State
from tests.invariants import coroutines, generators, plain
from tests.simulation.world import ROOT, Shape

STYLES = (generators, coroutines, plain)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One shape, before a style is chosen; `threads` says that steps may be in flight at the same time."""

    name: str
    value: Any
    steps: int
    args: tuple[Any, ...] = ()
    children: tuple[str, ...] = ()
    state: State = State.RESOLVED
    outside: Any = None
    threads: bool = False

    def in_style(self, style: ModuleType) -> Shape:
        return Shape(
            name=f"{self.name}-{style.__name__.rpartition('.')[2]}",
            functions=tuple(getattr(style, name) for name in (self.name, *self.children)),
            args=self.args,
            state=self.state,
            value=self.value,
            outside=self.outside,
            steps=self.steps,
            sequential=not self.threads,
        )


CASES = (
    Case(name="empty", args=("word",), value="word", steps=0),
    Case(name="sequence", args=("tea",), value=["tea", "reserved", "charged", "shipped"], steps=3),
    Case(name="loop", value=3, steps=4),
    Case(name="async_steps", value=3, steps=3),
    Case(name="nested", value="xXyY", steps=4),
    Case(name="parallel", value=[3, 2, 1], steps=3, threads=True),
    Case(name="parallel_bodies", value="xXyY", steps=4, threads=True),
    Case(name="remote", children=("remote_child",), value=20, steps=3),
    Case(name="fan_out", children=("remote_child",), value=[2, 3, 4], steps=3),
    Case(name="gather_local", value=["a", "b", "c"], steps=3, threads=True),
    Case(
        name="gather_everything",
        children=("remote_child",),
        value=["yes", 2, None, "l"],
        outside="yes",
        steps=2,
        threads=True,
    ),
    Case(
        name="gather_errors",
        children=("remote_failure",),
        value=["good", "OutOfStock", ["tea", 0], "OutOfStock", ["milk", 0]],
        steps=3,
        threads=True,
    ),
    Case(name="compensation", children=("remote_failure",), value=["room", 0], steps=3),
    Case(name="failure", state=State.REJECTED, value="OutOfStock: ('tea', 3)", steps=2),
    Case(name="sleeper", value="ab", steps=2),
    Case(name="approval", value=["yes", f"{ROOT}.1"], outside="yes", steps=1),
    Case(name="recorded", value=[True, ["float", "datetime", "float", "UUID"]], steps=1),
    Case(name="detached", children=("remote_child",), value=[f"{ROOT}.1", "at once"], steps=2),
    Case(
        name="values",
        value={
            "str pair": ["list", "int 1", ["list", "int 2", "int 3"]],
            "str 4": "str four",
            "str when": "datetime 2025-06-15 12:30:00+00:00",
            "str id": "UUID 00000000-0000-0000-0000-000000000007",
            "str price": "Decimal 9.90",
            "str nothing": "NoneType None",
        },
        steps=1,
    ),
    Case(name="never_joined", children=("remote_child",), value="done", steps=2, threads=True),
    Case(name="racing", children=("sleeps",), value=["child", 1, "timer", "yes"], outside="yes", steps=5),
    Case(name="in_turn", children=("sleeps",), value=[1, 2, 3], steps=6),
    Case(name="limited", children=("sleeps",), value=["too slow", 1], steps=4),
    Case(name="retried", value=[3, ["hopeless", 3]], steps=7),
    Case(name="undone", state=State.REJECTED, value="OutOfStock: ('tea', 0)", steps=5),
)

CORPUS = tuple(case.in_style(style) for case in CASES for style in STYLES)
