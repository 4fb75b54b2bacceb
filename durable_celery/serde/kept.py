"""How a promise keeps a value: as JSON that a person can read where possible, else as base64."""

from __future__ import annotations

import base64
from typing import Any

from durable_celery.errors import DurableError, InvalidValue, NotSerializable
from durable_celery.serde.base import JsonSerde, Serde, kind_of
from durable_celery.serde.typed import TypedSerde, serde_for


def pack(serde: Serde[Any], value: Any) -> Any:
    """The JSON value that stands for `value` in a promise; raises NotSerializable."""
    if _writes_json(serde):
        return serde.dump(value) if isinstance(serde, TypedSerde) else value
    buf = serde.serialize(value)
    if not isinstance(buf, bytes | bytearray | memoryview):
        raise NotSerializable(f"{_name(serde)}.serialize returned a {kind_of(buf)}, not bytes")
    return base64.b64encode(buf).decode()


def unpack(serde: Serde[Any], packed: Any) -> Any:
    """The value that `pack` made `packed` of; raises InvalidValue when it does not fit."""
    if _writes_json(serde):
        return serde.load(packed) if isinstance(serde, TypedSerde) else packed
    if not isinstance(packed, str):
        raise InvalidValue("$", f"the bytes of {_name(serde)} are kept as base64 text, this is a {kind_of(packed)}")
    try:
        buf = base64.b64decode(packed, validate=True)
    except ValueError as error:
        raise InvalidValue("$", f"the bytes of {_name(serde)} are kept as base64 text, this is none") from error
    try:
        return serde.deserialize(buf)
    except DurableError:
        raise
    except Exception as error:
        # Only the type: messages of parsers tend to repeat what they read.
        raise InvalidValue("$", f"{_name(serde)} could not read it ({kind_of(error)})") from error


def schema_of(serde: Serde[Any], refs: str = "#/$defs/") -> dict[str, Any] | None:
    """The JSON Schema of what a serde reads and writes; None when nothing is known of it."""
    return serde.schema(refs) if isinstance(serde, TypedSerde) and _writes_json(serde) else None


def _writes_json(serde: Serde[Any]) -> bool:
    """Whether the value itself may be kept: not when a subclass has its own bytes."""
    kind = type(serde)
    return any(
        isinstance(serde, plain) and kind.serialize is plain.serialize and kind.deserialize is plain.deserialize
        for plain in (JsonSerde, TypedSerde)
    )


def _name(serde: Serde[Any]) -> str:
    return type(serde).__qualname__


def chosen_serde(serde: Serde[Any] | None, annotation: Any = None) -> Serde[Any]:
    """The serde given, else the one for an annotation, else plain JSON."""
    return serde or (JsonSerde() if annotation is None else serde_for(annotation))
