"""Errors to text and back: an error of the application comes back as what it was, and nothing else is called."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from durable_celery.codec import MAX_DEPTH, Codec
from durable_celery.errors import Cancelled, ExecutionFailed, IdConflict, TimedOut
from durable_celery.promise import Outcome, State

codec = Codec()


class Customer:
    """Something with no JSON form."""


class OutOfStock(Exception):
    """An error of the application, with what it needs to be rebuilt."""

    def __init__(self, item: str, left: int) -> None:
        super().__init__(item, left)
        self.item = item
        self.left = left

    class Forever(Exception):
        """A nested one."""


class Picky(Exception):
    """An error that cannot be rebuilt from its args."""

    def __init__(self, *, code: int) -> None:
        super().__init__(f"code {code}")


class Broken(Exception):
    """An error whose message cannot be read."""

    def __str__(self) -> str:
        raise RuntimeError("no")


def raised(error: BaseException) -> Exception:
    """What a caller gets for an error that a body raised."""
    return codec.error(codec.failure(error), "order-1")


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


class TestErrors:
    @pytest.mark.parametrize(
        "error", [ValueError("no", 17), KeyError("tea"), OutOfStock("tea", 3), IdConflict("a", "b")]
    )
    def test_an_error_comes_back_as_what_it_was(self, error: Exception) -> None:
        again = raised(error)

        assert type(again) is type(error)
        assert again.args == error.args
        assert str(again) == str(error)
        assert {name: vars(again)[name] for name in vars(error)} == vars(error)

    def test_a_nested_class_is_found(self) -> None:
        assert type(raised(OutOfStock.Forever("tea"))) is OutOfStock.Forever

    def test_where_it_was_raised_is_noted(self) -> None:
        try:
            json.loads("{")
        except ValueError as error:
            again = raised(error)

        assert any("Where it was raised" in note and "json.loads" in note for note in again.__notes__)

    @pytest.mark.parametrize(
        ("error", "kind", "message"),
        [
            (Picky(code=3), "Picky", "code 3"),
            (ValueError(Customer()), "builtins.ValueError", "Customer object"),
            (Broken(Customer()), "Broken", "cannot be read"),
            (ValueError(nested(MAX_DEPTH + 1)), "builtins.ValueError", "[[["),
            (ValueError(nested(MAX_DEPTH * 30)), "builtins.ValueError", "cannot be read"),
            (ValueError({"__type__": "nobody knows", "__value__": 1}), "builtins.ValueError", "nobody knows"),
        ],
    )
    def test_what_cannot_be_rebuilt_keeps_its_name_and_message(self, error: Exception, kind: str, message: str) -> None:
        again = raised(error)

        assert isinstance(again, ExecutionFailed)
        assert again.type.endswith(kind)
        assert message in again.message

    def test_an_error_without_a_readable_message_still_comes_back(self) -> None:
        assert type(raised(Broken())) is Broken

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), GeneratorExit()])
    def test_what_would_end_a_process_is_not_raised_in_another(self, error: BaseException) -> None:
        again = raised(error)

        assert isinstance(again, ExecutionFailed)
        assert again.type == f"builtins.{type(error).__name__}"

    def test_a_class_nobody_imported_is_not_imported(self) -> None:
        assert "this" not in sys.modules
        again = _stored(type="this.Zen", args=["x"])

        assert isinstance(again, ExecutionFailed)
        assert "this" not in sys.modules

    @pytest.mark.parametrize(
        "name", ["os.system", "builtins.eval", "subprocess.Popen", "sys.exit", "json", "", ".", "a..b"]
    )
    def test_what_is_no_exception_is_not_called(self, name: str) -> None:
        again = _stored(type=name, args=["import this"])

        assert isinstance(again, ExecutionFailed)
        assert again.type == name

    def test_no_lazy_module_is_made_to_import(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []

        class Lazy(type(sys)):  # type: ignore[misc]
            def __getattr__(self, name: str) -> object:
                asked.append(name)
                return ValueError

        monkeypatch.setitem(sys.modules, "lazy_module", Lazy("lazy_module"))

        assert isinstance(_stored(type="lazy_module.Anything", args=[]), ExecutionFailed)
        assert asked == []

    def test_a_huge_error_is_cut_to_what_the_limit_allows(self) -> None:
        outcome = Codec(max_payload=20_000).failure(ValueError("x" * 1_000_000))

        assert len(outcome.value) <= 20_000
        assert isinstance(codec.error(outcome, "order-1"), ExecutionFailed)

    def test_a_text_that_no_codec_wrote_is_still_an_error(self) -> None:
        again = codec.error(Outcome(State.REJECTED, '"declined"'), "approval")

        assert isinstance(again, ExecutionFailed)
        assert "declined" in str(again)

    def test_cancelled_and_timed_out_have_their_own(self) -> None:
        assert isinstance(codec.error(Outcome(State.CANCELED, ""), "order-1"), Cancelled)
        assert isinstance(codec.error(Outcome(State.TIMEDOUT, ""), "order-1"), TimedOut)

    def test_an_outcome_is_unwrapped_or_raised(self) -> None:
        assert codec.unwrap(codec.success([1], "the result of a step"), "order-1") == [1]
        with pytest.raises(OutOfStock):
            codec.unwrap(codec.failure(OutOfStock("tea", 0)), "order-1")


def _stored(**record: object) -> Exception:
    text = json.dumps({"message": "m", "traceback": "", **record})
    return codec.error(Outcome(State.REJECTED, text), "order-1")
