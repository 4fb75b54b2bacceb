"""JSON, checked and converted by an annotation."""

from __future__ import annotations

import typing
from typing import Any, Protocol, TypeVar, cast

from durable_celery.serde.annotations import MISSING, brings_pydantic
from durable_celery.serde.base import JsonSerde, Serde, decode, encode
from durable_celery.serde.by_msgspec import MsgspecConverter
from durable_celery.serde.paths import shortened

T = TypeVar("T")

_ANYTHING = (Any, object, MISSING, typing.NoReturn, typing.Never)


class Converter(Protocol):
    """What one library does for one annotation."""

    def load(self, value: Any) -> Any:
        """The annotated type's value of a JSON value; raises InvalidValue."""

    def dump(self, value: Any) -> Any:
        """The JSON value of a value of the annotated type; raises NotSerializable."""

    def schema(self, refs: str) -> dict[str, Any]:
        """The JSON Schema; `refs` comes before the name of a definition in a reference."""


class TypedSerde(Serde[T]):
    """JSON whose values fit an annotation. What does not fit is refused, when read and when written."""

    def __init__(self, annotation: Any) -> None:
        self.annotation = annotation
        self._converter = _converter(annotation)

    def load(self, value: Any) -> T:
        """The annotated type's value, from decoded JSON; raises InvalidValue with the path of what does not fit."""
        return cast("T", self._converter.load(value))

    def dump(self, value: T) -> Any:
        """The value in JSON's own types; raises NotSerializable saying what does not fit, and where."""
        return self._converter.dump(value)

    def schema(self, refs: str = "#/$defs/") -> dict[str, Any]:
        """The JSON Schema (2020-12), its definitions under `$defs`.

        A document that keeps definitions elsewhere moves them and names that place as `refs`.
        """
        return self._converter.schema(refs)

    def serialize(self, obj: T | None) -> bytes:
        """The value as JSON, None as no bytes; raises NotSerializable."""
        dumped = self.dump(cast("T", obj))
        return b"" if dumped is None else encode(dumped).encode()

    def deserialize(self, buf: bytes) -> T:
        """The value of a JSON text; no bytes stand for None. Raises InvalidValue."""
        return self.load(decode(buf))


class PydanticJsonSerde(TypedSerde[T]):
    """The name that Restate's SDK has for the serde of a pydantic model."""


class MsgspecJsonSerde(TypedSerde[T]):
    """The name that Restate's SDK has for the serde of a type that msgspec knows."""


def serde_for(annotation: Any) -> Serde[Any]:
    """The serde of an annotation: JsonSerde where it says nothing, else TypedSerde.

    Raises TypeError for an annotation that has no JSON form.
    """
    if any(annotation is anything for anything in _ANYTHING):
        return JsonSerde()
    return TypedSerde(annotation)


def _converter(annotation: Any) -> Converter:
    try:
        if not brings_pydantic(annotation):
            return MsgspecConverter(annotation)
        from durable_celery.serde.by_pydantic import PydanticConverter  # noqa: PLC0415  # optional

        return PydanticConverter(annotation)
    except Exception as error:
        lines = str(error).splitlines() or [type(error).__name__]
        reason = next((line for line in lines if line.endswith("is not supported")), lines[0])
        raise TypeError(
            f"the annotation {_readable(annotation)} has no JSON form ({shortened(reason)}); "
            "use a type that msgspec or pydantic knows, or give a Serde of your own"
        ) from error


def _readable(annotation: Any) -> str:
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return f"{annotation.__module__}.{annotation.__qualname__}"
    return repr(annotation)
