"""The explorer itself, on graphs that can be drawn: it finds what is wrong with them, and how to get there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

import pytest

from tests.model.explorer import NO_DEADLOCK, WITHIN_REACH, Step, explore

SMALL = "the letter is small"


class Graph:
    """Arrows like `a→b`, or `a⇢b` for a fault; it begins at a and is to end at z."""

    laws: ClassVar[dict[str, Callable[[str], bool]]] = {SMALL: str.islower}

    def __init__(self, *arrows: str) -> None:
        self.arrows = arrows

    def initial(self) -> list[str]:
        return ["a"]

    def goal(self, state: str) -> bool:
        return state == "z"

    def steps(self, state: str) -> Iterator[Step[str]]:
        for arrow in self.arrows:
            if arrow[0] == state:
                yield Step(arrow, arrow[2], fault=arrow[1] == "⇢")


def test_states_and_transitions_are_counted_once() -> None:
    report = explore(Graph("a→b", "a→c", "b→z", "c→z", "z→a"))

    assert (report.states, report.transitions, report.broken) == (4, 5, {})


def test_a_broken_law_comes_with_the_shortest_way_there() -> None:
    report = explore(Graph("a→b", "b→c", "c→X", "b→X", "X→z", "c→z"))

    assert report.broken == {SMALL: ["a→b", "b→X"]}


def test_a_state_without_a_next_step_is_a_deadlock() -> None:
    report = explore(Graph("a→b", "a→z"))

    assert report.broken == {NO_DEADLOCK: ["a→b"], WITHIN_REACH: ["a→b"]}


def test_a_circle_that_never_gets_to_the_goal_is_stuck_and_no_deadlock() -> None:
    report = explore(Graph("a→b", "b→c", "c→b", "a→z"))

    assert report.broken == {WITHIN_REACH: ["a→b"]}


def test_a_circle_with_a_way_out_is_neither() -> None:
    assert explore(Graph("a→b", "b→a", "b→z")).broken == {}


def test_a_way_out_that_is_a_fault_does_not_count() -> None:
    report = explore(Graph("a→b", "b⇢z", "a→z"))

    assert report.broken == {NO_DEADLOCK: ["a→b"], WITHIN_REACH: ["a→b"]}


def test_what_is_behind_a_fault_is_explored() -> None:
    assert explore(Graph("a→z", "a⇢X", "X→z")).broken == {SMALL: ["a⇢X"]}


def test_an_end_that_is_the_goal_is_not_a_deadlock() -> None:
    assert explore(Graph("a→z")).broken == {}


def test_it_stops_at_the_law_that_is_asked_for() -> None:
    report = explore(Graph("a→X", "X→b", "b→c", "c→d"), stop_at=SMALL)

    assert report.broken == {SMALL: ["a→X"]}
    assert report.states < 5


def test_a_model_without_an_end_is_refused() -> None:
    class Counting(Graph):
        laws: ClassVar[dict[str, Callable[[str], bool]]] = {}

        def steps(self, state: str) -> Iterator[Step[str]]:
            yield Step("more", state + "a")

    with pytest.raises(OverflowError, match="more than 100 states"):
        explore(Counting(), limit=100)
