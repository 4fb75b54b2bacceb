"""Values and errors to text and back: what comes back, what is refused, and with which words."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durable_celery.codec import MAX_DEPTH, Codec
from durable_celery.errors import (
    NotSerializable,
    PayloadTooLarge,
)

codec = Codec()
WHAT = "the result of step 'charge'"


class Customer:
    """Something with no JSON form."""


def roundtrip(value: object) -> Any:
    return codec.decode(codec.encode(value, WHAT))


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


class TestValues:
    @pytest.mark.parametrize(
        "value",
        [
            None,
            True,
            0,
            -1.5,
            1e308,
            10**1000,
            "",
            "é日本\u2028\x00",
            "half a pair: \ud800",
            [],
            {},
            {"a": [1, {"b": None}]},
            datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
            date(2026, 1, 2),
            uuid.UUID(int=7),
            Decimal("1.10"),
            b"\xff\x00",
            b"text",
            {"at": [datetime(2026, 1, 2)]},
            {"__type__": "half of a typed value"},
        ],
    )
    def test_what_celery_can_send_comes_back_as_it_was(self, value: object) -> None:
        assert roundtrip(value) == value
        assert type(roundtrip(value)) is type(value)

    @pytest.mark.parametrize(("value", "read"), [((1, (2,)), [1, [2]]), ({1: "a", None: "b"}, {"1": "a", "null": "b"})])
    def test_what_json_cannot_tell_apart_is_read_alike_ever_after(self, value: object, read: object) -> None:
        assert roundtrip(value) == read
        assert roundtrip(roundtrip(value)) == read

    def test_not_a_number_stays_not_a_number(self) -> None:
        value = roundtrip([float("nan"), float("inf"), -float("inf")])

        assert repr(value) == "[nan, inf, -inf]"

    @settings(max_examples=150, derandomize=True, database=None)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
            lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
        )
    )
    def test_reading_again_changes_nothing(self, value: object) -> None:
        text = codec.encode(value, WHAT)

        assert codec.encode(codec.decode(text), WHAT) == text
        assert text.isascii()

    def test_no_text_is_no_value(self) -> None:
        assert codec.decode("") is None

    def test_deep_values_are_read_wherever_they_were_written(self) -> None:
        assert roundtrip(nested(MAX_DEPTH)) == nested(MAX_DEPTH)
        flat = [{"list": [number]} for number in range(2_000)]
        assert roundtrip(flat) == flat
        assert roundtrip(['[[[{{"\\' * 500] * 3) == ['[[[{{"\\' * 500] * 3


class TestRefused:
    @pytest.mark.parametrize(
        ("value", "fault"),
        [
            (Customer(), "it is a test_codec.Customer"),
            ({"customer": [1, Customer()]}, "at .customer[1] it holds a test_codec.Customer"),
            (object(), "it is an object"),
            ({1, 2}, "it is a set"),
            ([lambda: 0], "at [0] it holds a function"),
            ({("a", 1): 2}, "it is a dict with a tuple as a key"),
            ({"prices": {date(2026, 1, 1): 2}}, "at .prices it holds a dict with a datetime.date as a key"),
            ([10**5000], "at [0] it holds an int (Exceeds the limit"),
            (nested(MAX_DEPTH + 1), "it is nested more than 200 levels deep"),
            (nested(5_000), "it is nested more than 200 levels deep"),
        ],
    )
    def test_what_has_no_json_form_is_named_with_its_place(self, value: object, fault: str) -> None:
        with pytest.raises(NotSerializable) as refused:
            codec.encode(value, WHAT)

        text = str(refused.value).replace(f"{__name__}.", "test_codec.")
        assert text.startswith(f"{WHAT} has no JSON form: {fault}")

    def test_what_contains_itself_is_refused(self) -> None:
        value: list[Any] = []
        value.append({"again": value})

        with pytest.raises(NotSerializable, match="it contains itself"):
            codec.encode(value, WHAT)

    @pytest.mark.parametrize(
        ("kind", "value"),
        [("datetime", 17), ("uuid", "x"), ("decimal", "x"), ("bytes", None), ("nobody knows", 1), (["x"], 1)],
    )
    def test_what_only_looks_like_a_typed_value_fails_its_writer_not_its_reader(
        self, kind: object, value: object
    ) -> None:
        with pytest.raises(NotSerializable, match="none of Celery's typed values"):
            codec.encode([{"__type__": kind, "__value__": value}], WHAT)

    def test_the_limit_counts_bytes_as_they_are_stored(self) -> None:
        small = Codec(max_payload=100)

        assert small.encode("x" * 98, WHAT)
        with pytest.raises(PayloadTooLarge, match=r"charge' takes 101 bytes, the limit is 100 \(durable_max_payload\)"):
            small.encode("x" * 99, WHAT)
        with pytest.raises(PayloadTooLarge, match="takes 122 bytes"):
            small.encode("é" * 20, WHAT)

    def test_one_megabyte_is_the_default(self) -> None:
        assert codec.encode("x" * (1024 * 1024 - 2), WHAT)
        with pytest.raises(PayloadTooLarge):
            codec.encode("x" * (1024 * 1024 - 1), WHAT)


class TestCalls:
    def test_a_call_is_kept_as_its_arguments(self) -> None:
        text, digest = codec.call("order", ("tea", 2), {"to": "Berlin"})

        assert codec.decode(text) == [["tea", 2], {"to": "Berlin"}]
        assert len(digest) == 32

    def test_the_same_call_has_the_same_digest_whatever_the_order_of_names(self) -> None:
        assert (
            codec.call("f", (), {"a": 1, "b": {"x": 1, "y": 2}})[1]
            == (codec.call("f", (), {"b": {"y": 2, "x": 1}, "a": 1})[1])
        )

    def test_another_function_or_other_arguments_have_another(self) -> None:
        digests = {
            codec.call("f", (1,), {})[1],
            codec.call("g", (1,), {})[1],
            codec.call("f", (2,), {})[1],
            codec.call("f", ("1",), {})[1],
            codec.call("f", (), {"a": 1})[1],
            codec.call("f", ([1],), {})[1],
        }

        assert len(digests) == 6

    def test_keys_that_cannot_be_put_in_order_are_refused(self) -> None:
        with pytest.raises(NotSerializable, match=r"an argument of 'f' .* keys of different types"):
            codec.call("f", ({1: "a", "b": 2},), {})


@dataclass
class Point:
    """A dataclass: no JSON form either, so that nobody gets back a dict by surprise."""

    x: int


def test_a_dataclass_is_refused_rather_than_changed() -> None:
    with pytest.raises(NotSerializable, match="Point"):
        codec.encode(Point(1), WHAT)
