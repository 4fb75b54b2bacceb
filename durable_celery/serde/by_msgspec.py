"""Annotations that msgspec knows: everything but pydantic's."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from durable_celery.errors import InvalidValue, NotSerializable
from durable_celery.serde.base import decode, encode, kind_of
from durable_celery.serde.paths import Step, at, path_of, replaced, shortened

_placed = re.compile(r"(.*) - at `(key` in `)?\$([^`]*)`", re.DOTALL)
_step = re.compile(r"\[(\d+|\.\.\.)\]|\.([^.\[]+)")
_of_field = re.compile(r"Object (missing required|contains unknown) field `(.*)`", re.DOTALL)
_repeats = re.compile(r"(Invalid (?:enum )?value) .*", re.DOTALL)


class MsgspecConverter:
    """One annotation, read strictly: "1" is no int, and 1 no str."""

    def __init__(self, annotation: Any) -> None:
        self._annotation = annotation
        # Without it an arbitrary class would be noticed only when a value arrives.
        self.schema("")

    def load(self, value: Any) -> Any:
        """The annotated type's value of a JSON value; raises InvalidValue."""
        try:
            return self._convert(value)
        except msgspec.ValidationError as error:
            raise self._explained(value, error) from error
        except RecursionError as error:
            raise InvalidValue("$", "it is nested too deep") from error

    def dump(self, value: Any) -> Any:
        """The JSON value of a value, if it can be read again; raises NotSerializable."""
        try:
            plain = msgspec.to_builtins(value, str_keys=True, enc_hook=_plain)
        except RecursionError as error:
            raise NotSerializable("at $: it contains itself, or is nested too deep") from error
        except Exception as error:
            path, culprit = _culprit(value, ())
            raise NotSerializable(f"at {path}: a {kind_of(culprit)} has no JSON form ({error})") from error
        written = decode(encode(plain).encode())
        try:
            self.load(written)
        except InvalidValue as error:
            raise NotSerializable(f"the value does not fit its annotation {error}") from error
        return written

    def schema(self, refs: str) -> dict[str, Any]:
        """The JSON Schema; `refs` comes before the name of a definition in a reference."""
        (schema,), definitions = msgspec.json.schema_components([self._annotation], ref_template=refs + "{name}")
        return {**schema, "$defs": definitions} if definitions else schema

    def _convert(self, value: Any) -> Any:
        return msgspec.convert(value, self._annotation, strict=True, str_keys=True)

    def _explained(self, value: Any, error: msgspec.ValidationError) -> InvalidValue:
        complaint = str(error)
        placed = _placed.fullmatch(complaint)
        reason, in_key, path = placed.groups() if placed else (complaint, None, "")
        steps = self._exact(value, [_parsed(match) for match in _step.finditer(path)], bool(in_key), complaint)
        if field := _of_field.fullmatch(reason):
            steps.append(field[2])
            reason = "required field is missing" if field[1] == "missing required" else "unknown field"
        elif error.__cause__ is None:
            reason = _repeats.sub(r"\1", reason)
        return InvalidValue(path_of(steps), shortened(f"{reason} as the key" if in_key else reason))

    def _exact(self, value: Any, steps: list[Step], in_key: bool, complaint: str) -> list[Step]:
        """The steps with their mappings' keys, which msgspec leaves out."""
        steps = [*steps, None] if in_key else steps
        for position, step in enumerate(steps):
            if step is None:
                found = self._search(value, steps[:position], complaint)
                if found is None:
                    break
                steps[position], value = found
        return steps

    def _search(self, value: Any, steps: list[Step], complaint: str) -> tuple[str, Any] | None:
        """The first key of the mapping at `steps` that causes a complaint, and the value with no other key there.

        None when the complaint is about more than one key.
        """
        mapping = at(value, steps)
        keys = list(mapping)
        while len(keys) > 1:
            half = keys[: len(keys) // 2]
            probe = replaced(value, steps, {key: mapping[key] for key in half})
            keys = half if self._complaint(probe) == complaint else keys[len(half) :]
        alone = replaced(value, steps, {key: mapping[key] for key in keys})
        return (keys[0], alone) if self._complaint(alone) == complaint else None

    def _complaint(self, value: Any) -> str:
        try:
            self._convert(value)
        except msgspec.ValidationError as error:
            return str(error)
        return ""


def _parsed(match: re.Match[str]) -> Step:
    index, name = match.groups()
    if name is not None:
        return str(name)
    return None if index == "..." else int(index)


def _plain(value: object) -> object:
    """What msgspec writes instead of a subclass of a plain type, which it does not know."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    raise TypeError(f"type {kind_of(value)} is not supported")


def _culprit(value: object, steps: tuple[Step, ...]) -> tuple[str, object]:
    """The path and the part of a value that JSON cannot take; the value itself when no part is to blame."""
    for step, child in _children(value):
        try:
            msgspec.to_builtins(child, str_keys=True, enc_hook=_plain)
        except Exception:
            return _culprit(child, (*steps, step))
    return path_of(steps), value


def _children(value: object) -> Iterator[tuple[Step, object]]:
    if isinstance(value, dict):
        yield from ((str(key), child) for key, child in value.items())
    elif isinstance(value, list | tuple):
        yield from enumerate(value)
    elif dataclasses.is_dataclass(value):
        yield from ((field.name, getattr(value, field.name, None)) for field in dataclasses.fields(value))
    elif isinstance(value, msgspec.Struct):
        yield from ((name, getattr(value, name, None)) for name in value.__struct_fields__)
