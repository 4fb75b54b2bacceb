"""Reading annotations: of a handler, and whether pydantic is anywhere in one."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import types
import typing
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

#: Stands for an annotation that is not there, or that cannot be resolved.
MISSING: Any = inspect.Parameter.empty

_POSITIONAL = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
_MARKS = ("__pydantic_validator__", "__get_pydantic_core_schema__")


def annotations_of(fn: Callable[..., Any]) -> tuple[Any, Any]:
    """The annotations of a handler's input (the parameter after ctx) and of its result, each MISSING if unknown.

    Never raises. Of a generator, the result is what it returns; so it is of an awaitable.
    """
    try:
        signature = inspect.signature(fn)
        names = _globals(fn)
    except Exception:
        return MISSING, MISSING
    inputs = [parameter.annotation for parameter in signature.parameters.values() if parameter.kind in _POSITIONAL][1:]
    given = _resolved(inputs[0], names) if inputs else MISSING
    return given, _result(fn, _resolved(signature.return_annotation, names))


def brings_pydantic(annotation: Any) -> bool:
    """Whether something of pydantic's is anywhere in an annotation."""
    return _brings(annotation, {})


def rebuilt(annotation: Any, change: Callable[[Any], Any]) -> Any:
    """The annotation with `change` applied to everything in it that has no arguments itself."""
    arguments = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if not arguments or origin is typing.Literal:
        return change(annotation)
    if origin is typing.Annotated:
        wrapper: Any = typing.Annotated
        return wrapper[(rebuilt(arguments[0], change), *annotation.__metadata__)]
    new = tuple(rebuilt(argument, change) for argument in arguments)
    if new == arguments:
        return annotation
    if origin is types.UnionType:
        union: Any = typing.Union
        return union[new]
    return annotation.copy_with(new) if hasattr(annotation, "copy_with") else origin[new]


def _globals(fn: Any) -> dict[str, Any]:
    """The names around a function, below its wrappers."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    fn = inspect.unwrap(fn)
    if not hasattr(fn, "__globals__"):
        fn = inspect.unwrap(getattr(fn, "__func__", type(fn).__call__))
    found: dict[str, Any] = fn.__globals__
    return found


def _resolved(annotation: Any, names: dict[str, Any]) -> Any:
    """One annotation by itself: that another one cannot be resolved must not matter."""
    if annotation is MISSING:
        return MISSING
    holder: Any = types.SimpleNamespace(__annotations__={"it": annotation})
    try:
        return typing.get_type_hints(holder, names, {}, include_extras=True)["it"]
    except Exception:
        return MISSING


def _result(fn: Any, annotation: Any) -> Any:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Awaitable and arguments:
        return arguments[0]
    if origin in {Generator, Coroutine}:
        return arguments[2] if len(arguments) == 3 else MISSING  # noqa: PLR2004
    return MISSING if inspect.isgeneratorfunction(fn) else annotation


def _brings(annotation: Any, seen: dict[int, Any]) -> bool:
    if id(annotation) in seen:
        return False
    seen[id(annotation)] = annotation  # held, so that nothing else gets its id
    if any(hasattr(annotation, mark) for mark in _MARKS):
        return True
    if any(_is_constraint(each) for each in getattr(annotation, "__metadata__", ())):
        return True
    return any(_brings(part, seen) for part in _parts(annotation))


def _is_constraint(metadata: Any) -> bool:
    """Whether only pydantic heeds it."""
    library = type(metadata).__module__.partition(".")[0]
    return library in {"pydantic", "annotated_types"} or any(hasattr(metadata, mark) for mark in _MARKS)


def _parts(annotation: Any) -> list[Any]:
    """The annotations inside an annotation: arguments, fields, and what another name stands for."""
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return []
    inner = [*typing.get_args(annotation), origin]
    inner += [getattr(annotation, "__supertype__", None), getattr(annotation, "__value__", None)]
    if isinstance(annotation, type) and _has_fields(annotation):
        inner += _hints(annotation).values()
    return [part for part in inner if part is not None]


def _has_fields(kind: type) -> bool:
    return typing.is_typeddict(kind) or dataclasses.is_dataclass(kind) or hasattr(kind, "__annotations__")


def _hints(kind: type) -> dict[str, Any]:
    """A class's fields; those that cannot be resolved are left to the library that is told of the class."""
    try:
        return typing.get_type_hints(kind, include_extras=True)
    except Exception:
        return {}
