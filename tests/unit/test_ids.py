"""Promise ids: what is legal, how children are named, and that one text always gives one id."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durable_celery import ids
from durable_celery.errors import DurableError, InvalidId

LEGAL = ["a", "0", "order-1", "user@example.com", "a:b~c+d=e_f.g", "A" * 128, "1.5x", "order.v2a"]
ILLEGAL = {
    "": "must not be empty",
    "A" * 129: "at most 128 characters, this one has 129",
    "order.1": "ends like the id of a child",
    "order.1.22": "ends like the id of a child",
    "-order": "begins with a letter or a digit",
    ".hidden": "begins with a letter or a digit",
    "a b": "letters, digits and any of",
    "a/b": "letters, digits and any of",
    "a|b": "letters, digits and any of",
    "{a}": "begins with a letter or a digit",
    "a%20": "letters, digits and any of",
    "a\n": "letters, digits and any of",
    "a\x00": "letters, digits and any of",
    "é": "letters, digits and any of",
    "a\ud800": "letters, digits and any of",
}


class TestRoots:
    @pytest.mark.parametrize("promise_id", LEGAL)
    def test_a_legal_id_is_taken_as_it_is(self, promise_id: str) -> None:
        assert ids.check_root(promise_id) == promise_id
        assert ids.check_any(promise_id) == promise_id

    @pytest.mark.parametrize("promise_id", ILLEGAL)
    def test_an_illegal_one_is_refused_with_the_rule_it_breaks(self, promise_id: str) -> None:
        with pytest.raises(InvalidId, match=ILLEGAL[promise_id]):
            ids.check_root(promise_id)

    @pytest.mark.parametrize("promise_id", [None, 1, b"order", ["order"]])
    def test_what_is_no_string_is_no_id(self, promise_id: Any) -> None:
        with pytest.raises(InvalidId, match=f"not {type(promise_id).__name__}"):
            ids.check_root(promise_id)

    def test_the_error_is_a_value_error_and_one_of_ours(self) -> None:
        assert issubclass(InvalidId, ValueError)
        assert issubclass(InvalidId, DurableError)

    def test_a_fresh_id_is_legal_and_never_the_same(self) -> None:
        fresh = {ids.new_id() for _ in range(100)}

        assert len(fresh) == 100
        assert all(ids.check_root(each) == each for each in fresh)


class TestChildren:
    def test_a_child_is_named_after_its_position(self) -> None:
        assert ids.child_id("order-1", "3") == "order-1.3"
        assert ids.child_id("order-1.3", "2.1") == "order-1.3.2.1"

    def test_children_are_legal_where_any_id_is_and_not_as_roots(self) -> None:
        assert ids.check_any("order-1.3.12") == "order-1.3.12"
        with pytest.raises(InvalidId):
            ids.check_root("order-1.3.12")

    @pytest.mark.parametrize("promise_id", ["-order.1", "a b.1", ".1", "a..1x"[:4] + "|.1", "A" * 129 + ".1"])
    def test_a_childs_root_must_be_legal_too(self, promise_id: str) -> None:
        with pytest.raises(InvalidId):
            ids.check_any(promise_id)

    def test_the_root_and_the_parent_are_read_off_the_id(self) -> None:
        assert ids.root_of("order-1.3.12") == "order-1"
        assert ids.root_of("order-1") == "order-1"
        assert ids.parent_of("order-1.3.12") == "order-1.3"
        assert ids.parent_of("order-1.3") == "order-1"
        assert ids.parent_of("order-1") is None

    def test_a_dot_in_a_root_is_not_taken_for_a_child(self) -> None:
        assert ids.root_of("report.v2a") == "report.v2a"
        assert ids.parent_of("report.v2a") is None

    def test_a_very_deep_child_stays_short_and_in_its_tree(self) -> None:
        root = "R" * 128
        deep = [ids.child_id(root, ".".join(["1234"] * depth)) for depth in range(1, 30)]

        assert all(len(each) <= ids.MAX_LENGTH for each in deep)
        assert all(ids.root_of(each) == root and ids.check_any(each) == each for each in deep)
        assert len(set(deep)) == len(deep)
        assert deep[-1] == ids.child_id(root, ".".join(["1234"] * 29)), "the same on every machine"

    def test_an_id_that_no_engine_gave_is_refused_quickly(self) -> None:
        began = time.perf_counter()

        for text in (".1" * 5_000, "a" + ".1" * 5_000, "a" + ".1" * 5_000 + "x"):
            with pytest.raises(InvalidId):
                ids.check_any(text)

        assert time.perf_counter() - began < 0.1


class TestIdFor:
    @settings(max_examples=200, derandomize=True, database=None)
    @given(st.text(st.characters(codec=None)))
    def test_any_text_has_a_legal_and_stable_id(self, text: str) -> None:
        made = ids.id_for(text)

        assert ids.check_root(made) == made
        assert made == ids.id_for(text)

    def test_texts_that_look_alike_have_different_ids(self) -> None:
        texts = ["Müller & Co", "Muller & Co", "müller & co", "Müller  & Co", "Müller & Co "]

        assert len({ids.id_for(text) for text in texts}) == len(texts)

    def test_it_can_be_recognised(self) -> None:
        assert ids.id_for("Order #17, Berlin").startswith("Order-17-Berlin-")
        assert len(ids.id_for("x" * 10_000)) <= 80
        assert ids.id_for("日本").isalnum()


class TestPartitions:
    def test_a_tree_is_in_one_partition(self) -> None:
        assert {ids.partition_of(each, 128) for each in ("order-1", "order-1.3", "order-1.3.1")} == {
            ids.partition_of("order-1", 128)
        }

    def test_it_is_the_checksum_of_redis_cluster(self) -> None:
        assert ids.partition_of("123456789", 65536) == 0x31C3

    def test_one_partition_holds_all(self) -> None:
        assert {ids.partition_of(f"order-{number}", 1) for number in range(50)} == {0}
