"""Annotations with something of pydantic's in them. Imported only for those."""

from __future__ import annotations

import sys
import typing
from typing import Any, NewType

from pydantic import ConfigDict, TypeAdapter, ValidationError

from durable_celery.errors import InvalidValue, NotSerializable
from durable_celery.serde.annotations import rebuilt
from durable_celery.serde.base import decode, encode
from durable_celery.serde.paths import Step, path_of, shortened

#: What msgspec does too. A model's own configuration comes first for its fields.
_CONFIG = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64", ser_json_inf_nan="constants")
_ON_KEY = "[key]"


class PydanticConverter:
    """One annotation, read as pydantic reads JSON by default."""

    def __init__(self, annotation: Any) -> None:
        if sys.version_info < (3, 12):
            annotation = _with_known_mappings(annotation)
        # An adapter takes no configuration for a dataclass or a mapping by itself, but for another name of it.
        rename: Any = NewType
        self._adapter: TypeAdapter[Any] = TypeAdapter(rename("Payload", annotation), config=_CONFIG)

    def load(self, value: Any) -> Any:
        """The annotated type's value of a JSON value; raises InvalidValue."""
        try:
            # As text: a strict model takes a date from JSON, but no str from Python.
            return self._adapter.validate_json(encode(value))
        except NotSerializable as error:
            raise InvalidValue("$", "it is not a JSON value") from error
        except ValidationError as error:
            raise _explained(value, error) from error

    def dump(self, value: Any) -> Any:
        """The JSON value of a value; raises NotSerializable."""
        try:
            checked = self._adapter.validate_python(value)
            plain = self._adapter.dump_python(checked, mode="json", by_alias=True, warnings="error")
        except ValidationError as error:
            raise NotSerializable(f"the value does not fit its annotation {_explained(value, error)}") from error
        except (TypeError, ValueError, RecursionError) as error:
            raise NotSerializable(f"the value has no JSON form: {shortened(str(error))}") from error
        return decode(encode(plain).encode())

    def schema(self, refs: str) -> dict[str, Any]:
        """The JSON Schema; `refs` comes before the name of a definition in a reference."""
        return self._adapter.json_schema(ref_template=refs + "{model}")


def _explained(value: Any, error: ValidationError) -> InvalidValue:
    """The first thing that is wrong; of the members of a union, the one that came furthest."""
    found = [(*_located(value, each["loc"]), each) for each in error.errors(include_url=False, include_input=False)]
    steps, in_union, first = found[0]
    if in_union:
        steps, _, first = max(found, key=lambda one: len(one[0]))
    kind, reason = first["type"], first["msg"]
    if kind == "union_tag_invalid":
        reason = f"its tag is none of {first['ctx']['expected_tags']}"  # the message repeats the tag
    if kind == "missing":
        reason = "required field is missing"
    return InvalidValue(path_of(steps), shortened(reason + (" (as the key)" if _ON_KEY in first["loc"] else "")))


def _located(value: Any, loc: tuple[int | str, ...]) -> tuple[list[Step], bool]:
    """The steps of pydantic's location that are of the value, and whether it names a union's member too."""
    steps: list[Step] = []
    in_union = False
    for number, part in enumerate(loc):
        try:
            value = value[part]
        except (LookupError, TypeError):
            missing = isinstance(value, dict) and number == len(loc) - 1 and part != _ON_KEY
            in_union = in_union or not (missing or part == _ON_KEY)
            if not missing:
                continue
        steps.append(part)
    return steps, in_union


def _with_known_mappings(annotation: Any) -> Any:
    """The annotation with each TypedDict as one of typing_extensions, the only ones pydantic takes before 3.12."""
    from typing_extensions import TypedDict  # noqa: PLC0415  # comes with pydantic

    def known(kind: Any) -> Any:
        if not typing.is_typeddict(kind) or type(kind).__module__ != "typing":
            return kind
        fields: dict[str, Any] = {}
        for name, hint in typing.get_type_hints(kind, include_extras=True).items():
            if typing.get_origin(hint) in {typing.Required, typing.NotRequired}:
                fields[name] = rebuilt(hint, known)
            else:
                wrapper: Any = typing.Required if name in kind.__required_keys__ else typing.NotRequired
                fields[name] = wrapper[rebuilt(hint, known)]
        make: Any = TypedDict
        return make(kind.__name__, fields)

    return rebuilt(annotation, known)
