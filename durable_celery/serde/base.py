"""What a serde is, and the two that check nothing."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

from durable_celery.errors import InvalidValue, NotSerializable

T = TypeVar("T")


class Serde(ABC, Generic[T]):
    """One way to turn values into bytes and back. Subclass it for a format of your own."""

    @abstractmethod
    def serialize(self, obj: T | None) -> bytes:
        """The bytes of a value."""

    @abstractmethod
    def deserialize(self, buf: bytes) -> T | None:
        """The value of some bytes. What it raises means that the bytes do not fit."""


class JsonSerde(Serde[Any]):
    """Plain JSON: nothing is checked. No bytes stand for None."""

    def serialize(self, obj: Any) -> bytes:
        """The value as JSON; raises NotSerializable."""
        return b"" if obj is None else encode(obj).encode()

    def deserialize(self, buf: bytes) -> Any:
        """The value of a JSON text; raises InvalidValue when it is none."""
        return decode(buf)


class BytesSerde(Serde[bytes]):
    """Bytes as they are. No bytes stand for None, too."""

    def serialize(self, obj: bytes | None) -> bytes:
        """The same bytes; raises NotSerializable for anything else."""
        if obj is None:
            return b""
        if not isinstance(obj, bytes | bytearray | memoryview):
            raise NotSerializable(f"BytesSerde takes bytes, not a {kind_of(obj)}")
        return bytes(obj)

    def deserialize(self, buf: bytes) -> bytes:
        """The same bytes."""
        return buf


def encode(value: Any) -> str:
    """The JSON text of a value, with NaN and Infinity written as the codec writes them."""
    try:
        return json.dumps(value, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise NotSerializable(f"a {kind_of(value)} has no JSON form: {error}") from error


def decode(buf: bytes) -> Any:
    """The value of a JSON text; None when there is no text."""
    try:
        return json.loads(buf) if buf else None
    except (ValueError, RecursionError) as error:
        raise InvalidValue("$", f"it is not JSON: {error}") from error


def kind_of(value: object) -> str:
    """The name of a value's type, with its module where that says something."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
