"""Any value, as argument, result of a step or of a promise: it comes back equal, or is refused and not recorded."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from durable_celery import Durable, NotSerializable, PayloadTooLarge, PromiseNotFound
from durable_celery.codec import DEFAULT_MAX_PAYLOAD, MAX_DEPTH

REFUSED = (NotSerializable, PayloadTooLarge)
_numbers = itertools.count()


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def as_argument(durable: Durable, id: str, value: object) -> Any:
    durable.register(name="echo")(lambda ctx, given: given)
    try:
        return durable.run(id, "echo", value).result(10)
    except REFUSED:
        with pytest.raises(PromiseNotFound):
            durable.get(id).promise()
        raise


def as_result_of_a_step(durable: Durable, id: str, value: object) -> Any:
    after = []

    def body(ctx: Any) -> Any:
        found = ctx.run(lambda: value).get()
        after.append(found)
        with contextlib.suppress(*REFUSED):  # the result of the whole is another payload, and not what this is about
            return ctx.run(lambda: None).get()

    durable.register(name=f"body-{id}")(body)
    try:
        durable.run(id, f"body-{id}").result(10)
    except REFUSED:
        assert after == []
        raise
    return after[0]


def as_value_of_a_promise(durable: Durable, id: str, value: object) -> Any:
    durable.promises.create(id)
    try:
        durable.promises.resolve(id, value)
    except REFUSED:
        assert durable.promises.get(id).status == "pending"
        raise
    return durable.get(id).result(10)


Way = Callable[[Durable, str, object], Any]
WAYS: list[Way] = [as_argument, as_result_of_a_step, as_value_of_a_promise]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Way:
    found: Way = request.param
    return found


def new_id() -> str:
    return f"payload-{next(_numbers)}"


KEPT: dict[str, Callable[[], Any]] = {
    "nothing": lambda: "",
    "no bytes": lambda: b"",
    "bytes": lambda: bytes(range(256)) * 40,
    "as large as may be": lambda: "x" * (DEFAULT_MAX_PAYLOAD - 20),
    "as deep as may be": lambda: nested(MAX_DEPTH - 2),
    "not a number": lambda: [float("nan"), float("inf"), -float("inf"), -0.0],
    "half of a pair": lambda: {"\ud800": "\udfff"},
    "controls": lambda: "\x00\x1b\x7f\u2028\ufeff",
    "a huge number": lambda: [10**4000, -(2**64)],
}


@pytest.mark.parametrize("what", KEPT)
def test_what_is_accepted_comes_back_equal(durable: Durable, way: Way, what: str) -> None:
    assert repr(way(durable, new_id(), KEPT[what]())) == repr(KEPT[what]())


NOT_KEPT: dict[str, Callable[[], Any]] = {
    "a byte too large": lambda: "x" * (DEFAULT_MAX_PAYLOAD - 1),
    "5 MB": lambda: "x" * 5_000_000,
    "5 MB of bytes": lambda: b"\x00" * 5_000_000,
    "one level too deep": lambda: nested(MAX_DEPTH + 1),
    "100,000 levels deep": lambda: nested(100_000),
    "a number too long to be read": lambda: 10**5000,
    "a set": lambda: [{1}],
}


@pytest.mark.parametrize("what", NOT_KEPT)
def test_what_is_refused_leaves_nothing(durable: Durable, way: Way, what: str) -> None:
    with pytest.raises(REFUSED, match=r"has no JSON form|takes \d+ bytes, the limit is \d+"):
        way(durable, new_id(), NOT_KEPT[what]())


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None))
    | st.binary()
    | st.integers(10**4290, 10**4310)
    | st.just({1}),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec=None)), inner, max_size=4),
    max_leaves=12,
)


@settings(
    max_examples=25,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(ANYTHING)
def test_any_value_comes_back_equal_or_is_refused(durable: Durable, way: Way, value: object) -> None:
    with contextlib.suppress(*REFUSED):
        back = way(durable, new_id(), value)
        assert repr(back) == repr(value)
