"""What requests are refused, with which words; and that what is fine goes through as it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, request

from webapp import validation
from webapp.problems import Problem
from workers import script

if TYPE_CHECKING:
    from collections.abc import Callable

JSON = "application/json"


def ask(check: Callable[[Any], Any], body: bytes, content_type: str | None = JSON) -> Any:
    """Give a body to one of the checks as a request would."""
    with Flask(__name__).test_request_context("/", method="POST", data=body, content_type=content_type):
        return check(request)


def refusal(check: Callable[[Any], Any], body: object, content_type: str | None = JSON) -> Problem:
    """Return the problem that a body is answered with."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(Problem) as caught:
        ask(check, data, content_type)
    return caught.value


@pytest.mark.parametrize(
    "lines",
    [
        ["hello"],
        [""],
        ["x" * script.MAX_LINE_LENGTH],
        ["x"] * script.MAX_LINES,
        ["x" * 400] * 50,
        ["🎵 ünïcödé \n\t 漢字"],
        ["\u0001\u001f\u007f"],
    ],
    ids=["one", "a blank line", "the longest line", "the most lines", "the most characters", "any script", "controls"],
)
def test_lines_within_the_limits_are_taken_as_they_are(lines: list[str]) -> None:
    assert ask(validation.text_list, json.dumps({"text_list": lines}).encode()) == lines


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "application/vnd.x+json"]
)
def test_json_is_known_by_its_content_type(content_type: str) -> None:
    assert ask(validation.text_list, b'{"text_list": ["a"]}', content_type) == ["a"]


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/xml", "?"]
)
def test_another_content_type_is_not_taken_for_json(content_type: str | None) -> None:
    problem = refusal(validation.text_list, b'{"text_list": ["a"]}', content_type)
    assert (problem.status, problem.kind) == (415, "not-json")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b" ", "not JSON"),
        (b"{", "not JSON"),
        (b"{'text_list': ['a']}", "not JSON"),
        (b'{"text_list": ["a"]} x', "not JSON"),
        (b'{"text_list": ["a\nb"]}', "not JSON"),
        (b'{"text_list": ["\\x"]}', "not JSON"),
        (b'{"text_list": ["\\ud8"]}', "not JSON"),
        (b'{"text_list": [NaN]}', "NaN"),
        (b'{"text_list": [Infinity]}', "Infinity"),
        (b'{"text_list": [-Infinity]}', "-Infinity"),
        (b'{"text_list": [' + b"9" * 5000 + b"]}", "not JSON"),
        (b'\xef\xbb\xbf{"text_list": ["a"]}', "not JSON"),
        (b'{"text_list": ["\xff"]}', "UTF-8"),
        (b'{"text_list": ["\xed\xa0\x80"]}', "UTF-8"),
        ('{"text_list": ["ä"]}'.encode("latin-1"), "UTF-8"),
        ('{"text_list": ["a"]}'.encode("utf-16"), "UTF-8"),
        (b'{"text_list": ' + b"[" * 100_000, "deep"),
        (b'{"a":' * 100_000, "deep"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_not_json_is_a_bad_request(body: bytes, said: str) -> None:
    problem = refusal(validation.text_list, body)
    assert (problem.status, problem.kind) == (400, "bad-json")
    assert said in str(problem)


@pytest.mark.parametrize(
    ("body", "pointer", "said"),
    [
        (None, "", "must be an object, not null"),
        (True, "", "not a boolean"),
        (7, "", "not a number"),
        ("text", "", "not a string"),
        (["a"], "", "not a list"),
        ({}, "/text_list", "missing"),
        ({"text_list": ["a"], "x": 1}, "", "unknown member 'x'"),
        ({"text_list": None}, "/text_list", "not null"),
        ({"text_list": "a"}, "/text_list", "not a string"),
        ({"text_list": 3}, "/text_list", "not a number"),
        ({"text_list": {"0": "a"}}, "/text_list", "not an object"),
        ({"text_list": []}, "/text_list", "at least one"),
        ({"text_list": ["a", 3]}, "/text_list/1", "not a number"),
        ({"text_list": [1.5]}, "/text_list/0", "not a number"),
        ({"text_list": [False]}, "/text_list/0", "not a boolean"),
        ({"text_list": [None]}, "/text_list/0", "not null"),
        ({"text_list": [["a"]]}, "/text_list/0", "not a list"),
        ({"text_list": [{}]}, "/text_list/0", "not an object"),
        ({"text_list": ["a\0b"]}, "/text_list/0", "NUL"),
        ({"text_list": ["a", "\ud800"]}, "/text_list/1", "surrogate"),
        ({"text_list": ["\udc00\ud800"]}, "/text_list/0", "surrogate"),
        ({"text_list": ["x"] * 201}, "/text_list", "at most 200"),
        ({"text_list": ["x" * 501]}, "/text_list/0", "at most 500"),
        ({"text_list": ["x" * 500] * 41}, "/text_list", "at most 20000"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_lines_of_another_shape_are_refused_where_they_are_wrong(body: object, pointer: str, said: str) -> None:
    problem = refusal(validation.text_list, body)
    assert (problem.status, problem.kind, problem.extra["pointer"]) == (422, "invalid-arguments", pointer)
    assert said in str(problem)


@pytest.mark.parametrize(
    "order",
    [
        {"item": "kettle", "amount": 4200},
        {"item": "kettle", "amount": 4200, "quantity": 1000, "note": {"of": ["any", "kind"]}},
    ],
)
def test_an_order_goes_through_as_it_is(order: dict[str, Any]) -> None:
    assert ask(validation.order, json.dumps(order).encode()) == order


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([], ""),
        ({}, "/item"),
        ({"item": "", "amount": 1}, "/item"),
        ({"item": "x" * 101, "amount": 1}, "/item"),
        ({"item": "a\0", "amount": 1}, "/item"),
        ({"item": "\ud800", "amount": 1}, "/item"),
        ({"item": 7, "amount": 1}, "/item"),
        ({"item": "kettle"}, "/amount"),
        ({"item": "kettle", "amount": 0}, "/amount"),
        ({"item": "kettle", "amount": 1.5}, "/amount"),
        ({"item": "kettle", "amount": True}, "/amount"),
        ({"item": "kettle", "amount": "1"}, "/amount"),
        ({"item": "kettle", "amount": 10**9}, "/amount"),
        ({"item": "kettle", "amount": 1, "quantity": 0}, "/quantity"),
        ({"item": "kettle", "amount": 1, "quantity": None}, "/quantity"),
    ],
    ids=repr,
)
def test_an_order_that_cannot_be_processed_is_refused_where_it_is_wrong(body: object, pointer: str) -> None:
    problem = refusal(validation.order, body)
    assert (problem.status, problem.kind, problem.extra["pointer"]) == (422, "invalid-arguments", pointer)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/approved"),
        ({"approved": True}, "/by"),
        ({"approved": 1, "by": "Ann"}, "/approved"),
        ({"approved": "true", "by": "Ann"}, "/approved"),
        ({"approved": None, "by": "Ann"}, "/approved"),
        ({"approved": True, "by": ""}, "/by"),
        ({"approved": True, "by": "  "}, "/by"),
        ({"approved": True, "by": 7}, "/by"),
        ({"approved": True, "by": "x" * 201}, "/by"),
        ({"approved": True, "by": "\ud800"}, "/by"),
        ({"approved": True, "by": "Ann", "amount": 0}, ""),
    ],
    ids=repr,
)
def test_a_decision_says_yes_or_no_and_who(body: object, pointer: str) -> None:
    problem = refusal(validation.decision, body)
    assert (problem.status, problem.kind, problem.extra["pointer"]) == (422, "invalid-arguments", pointer)


def test_a_decision_goes_through_as_it_is() -> None:
    assert ask(validation.decision, b'{"approved": false, "by": "Ann"}') == {"approved": False, "by": "Ann"}


def test_a_long_unknown_name_is_not_repeated_in_full() -> None:
    problem = refusal(validation.text_list, {"text_list": ["a"], "x" * 10_000: 1})
    assert len(str(problem)) < 200
