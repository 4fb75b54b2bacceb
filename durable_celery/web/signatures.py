"""The body that starts a function, as a schema: just what its signature takes. Pure."""

from __future__ import annotations

import inspect
from inspect import Parameter
from typing import Any

from durable_celery.web.schemas import JsonSchema, closed

#: The body of a function that is known by its name only.
ANY_START: JsonSchema = closed(args={"type": "array", "items": {}}, kwargs={"type": "object"})


def start_schema(signature: inspect.Signature | None) -> JsonSchema:
    """Every way to give its arguments: so many in `args`, the others by name in `kwargs`.

    Arguments may be any JSON: of the annotations the schema only speaks, since nothing checks them.
    """
    if signature is None:
        return ANY_START
    taken, *rest = signature.parameters.values()  # the first is ctx
    if taken.kind is Parameter.VAR_POSITIONAL:
        rest = [taken, *rest]
    positional = [p for p in rest if p.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]
    ways = [
        _way(taken, rest, positional, count)
        for count in range(len(positional) + 1)
        if not any(p.kind is Parameter.POSITIONAL_ONLY and _needed(p) for p in positional[count:])
    ]
    return ways[0] if len(ways) == 1 else {"anyOf": ways}


def _way(taken: Parameter, rest: list[Parameter], positional: list[Parameter], count: int) -> JsonSchema:
    """With the first `count` in `args`."""
    any_more = count == len(positional) and any(p.kind is Parameter.VAR_POSITIONAL for p in rest)
    args: JsonSchema = {"type": "array", "minItems": count}
    if positional[:count]:
        args["prefixItems"] = [_shown(p) for p in positional[:count]]
    if not any_more:
        args["maxItems"] = count
    left = [p for p in positional[count:] if p.kind is Parameter.POSITIONAL_OR_KEYWORD]
    named = [*left, *(p for p in rest if p.kind is Parameter.KEYWORD_ONLY)]
    kwargs: JsonSchema = {"type": "object", "properties": {p.name: _shown(p) for p in named}}
    if any(p.kind is Parameter.VAR_KEYWORD for p in rest):
        twice = [p for p in (taken, *positional[:count]) if p.kind is Parameter.POSITIONAL_OR_KEYWORD]
        kwargs["properties"] |= {p.name: False for p in twice}
    else:
        kwargs["additionalProperties"] = False
    needed = [p.name for p in named if _needed(p)]
    if needed:
        kwargs["required"] = needed
    must = [*(["args"] if count else []), *(["kwargs"] if needed else [])]
    return {**closed(args=args, kwargs=kwargs), **({"required": must} if must else {})}


def _needed(p: Parameter) -> bool:
    return p.default is Parameter.empty


def _shown(p: Parameter) -> JsonSchema:
    said: Any = p.annotation
    text = said if isinstance(said, str) else inspect.formatannotation(said)
    return {"title": p.name, **({} if said is Parameter.empty else {"description": text})}
