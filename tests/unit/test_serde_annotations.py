"""What the annotations of handlers are found to be."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Annotated, Any, NotRequired, TypedDict

import pytest

from durable_celery.serde import MISSING, TypedSerde, annotations_of

if TYPE_CHECKING:
    from elsewhere import Unimportable

    from durable_celery import Context


class Order(TypedDict):
    """Its annotations are text, as in any module with `from __future__ import annotations`."""

    id: int
    note: NotRequired[str]


def both(ctx: Context, order: Order) -> int: ...
async def asynchronous(ctx: Context, order: Order) -> list[int]: ...
def generator(ctx: Context, order: Order) -> Generator[Any, Any, int]:
    yield


def vague_generator(ctx: Context) -> Any:
    yield


async def stream(ctx: Context) -> AsyncIterator[int]: ...
def awaitable(ctx: Context) -> Awaitable[int]: ...
def nothing(ctx): ...
def none(ctx: Context) -> None: ...
def without_ctx() -> int: ...
def unknown_input(ctx: Context, it: Unimportable) -> int: ...
def unknown_result(ctx: Context, it: int) -> Unimportable: ...
def nonsense(ctx: Context, it: "no type at all") -> "(": ...  # noqa: F722
def keywords(ctx: Context, *rest: int, it: int) -> str: ...
def constrained(ctx: Context, it: Annotated[int, "kept"]) -> str: ...


class Holder:
    def method(self, ctx: Context, it: int) -> str: ...
    def __call__(self, ctx: Context, it: int) -> str: ...


@functools.wraps(both)
def wrapped(*args: Any, **kwargs: Any) -> Any: ...


CASES: list[tuple[Callable[..., Any], Any, Any]] = [
    (both, Order, int),
    (asynchronous, Order, list[int]),
    (generator, Order, int),
    (vague_generator, MISSING, MISSING),
    (awaitable, MISSING, int),
    (nothing, MISSING, MISSING),
    (none, MISSING, type(None)),
    (without_ctx, MISSING, int),
    (unknown_input, MISSING, int),
    (unknown_result, int, MISSING),
    (nonsense, MISSING, MISSING),
    (keywords, MISSING, str),
    (constrained, Annotated[int, "kept"], str),
    (Holder().method, int, str),
    (Holder(), int, str),
    (wrapped, Order, int),
    (functools.partial(both), Order, int),
    (print, MISSING, MISSING),
    (dict, MISSING, MISSING),
    (None, MISSING, MISSING),  # type: ignore[list-item]
]


@pytest.mark.parametrize(("fn", "given", "result"), CASES, ids=lambda one: getattr(one, "__name__", str(one))[:30])
def test_the_input_is_the_parameter_after_ctx(fn: Callable[..., Any], given: Any, result: Any) -> None:
    assert annotations_of(fn) == (given, result)


def test_fields_that_need_not_be_there_are_known_though_the_annotations_are_text() -> None:
    assert TypedSerde(Order).load({"id": 1}) == {"id": 1}
