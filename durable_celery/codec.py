"""Values and exceptions to text and back.

JSON with the types that Celery's own serializer knows (datetime, UUID, Decimal
and whatever `kombu.utils.json.register_type` was told), so what goes through a
Celery message goes through a promise. A result is always handed out as it will
be read later, decoded from its text: a live run and a replay see the same.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import traceback
from typing import Any

from kombu.utils.json import JSONEncoder, object_hook

from durable_celery.errors import Cancelled, ExecutionFailed, NotSerializable, PayloadTooLarge, TimedOut
from durable_celery.promise import Outcome, State
from durable_celery.seal import CLEAR, Seal

#: Bytes of a formatted traceback kept beside an error.
TRACEBACK_LIMIT = 4000
#: Letters of an error's class that are looked for; a longer name is nobody's.
NAME_LIMIT = 500
DEFAULT_MAX_PAYLOAD = 1024 * 1024
#: Deeper values could be written here and be too deep for the stack of whoever reads them.
MAX_DEPTH = 200
#: Statuses worth keeping with an error: 500 is what one without is answered.
_HTTP_ERRORS = frozenset(range(400, 600)) - {500}

_TYPED = '"__type__"'
_default = JSONEncoder().default
_encoder = json.JSONEncoder(default=_default, separators=(",", ":"))
_sorted_encoder = json.JSONEncoder(default=_default, separators=(",", ":"), sort_keys=True)
_brackets = re.compile(r'"(?:[^"\\]|\\.)*"|([\[{])|([\]}])')


class Codec:
    """Encodes and decodes payloads, refusing those above `max_payload` bytes (before they are sealed)."""

    def __init__(self, max_payload: int = DEFAULT_MAX_PAYLOAD, seal: Seal = CLEAR) -> None:
        self._max_payload = max_payload
        self._seal = seal

    @property
    def max_payload(self) -> int:
        """The largest payload, in bytes of JSON."""
        return self._max_payload

    @property
    def seal(self) -> Seal:
        """How texts stand in the store."""
        return self._seal

    def encode(self, value: object, what: str) -> str:
        """The text of a value. `what` names it in errors: "the result of step 'charge'".

        Raises NotSerializable (with the type at fault) or PayloadTooLarge.
        """
        return self.seal.close(self._json(value, what))

    def compared(self, value: object, what: str) -> tuple[str, str]:
        """The text of a value, and the digest by which it is told from others; raises as `encode` does."""
        text = self._json(value, what)
        return self.seal.close(text), self.seal.digest(text)

    def _json(self, value: object, what: str) -> str:
        try:
            text = _encoder.encode(value)
            if _depth(text) > MAX_DEPTH:
                raise RecursionError
        except (TypeError, ValueError, RecursionError, OverflowError) as error:
            raise NotSerializable(f"{what} has no JSON form: {_fault(value, error)}") from error
        if _TYPED in text:
            self._check_typed(text, what)
        if len(text) > self.max_payload:
            raise PayloadTooLarge(
                f"{what} takes {len(text)} bytes, the limit is {self.max_payload} "
                "(durable_max_payload); keep the data elsewhere and pass a reference to it"
            )
        return text

    def decode(self, text: str) -> Any:
        """The value of a text; an empty text is None. Raises PayloadUnreadable for one that is sealed otherwise."""
        return _loads(self.seal.open(text)) if text else None

    def _check_typed(self, text: str, what: str) -> None:
        """A mapping that only looks like a typed value must fail who writes it, not who reads it."""
        try:
            _loads(text)
        except Exception as error:
            raise NotSerializable(
                f"{what} has no JSON form: it holds a mapping with just the keys __type__ and __value__ that is none "
                f"of Celery's typed values ({error})"
            ) from error

    def call(self, function: str, args: tuple[object, ...], kwargs: dict[str, object]) -> tuple[str, str]:
        """The text of a call's arguments, and the digest by which two calls are compared."""
        what = f"an argument of {function!r}"
        text = self._json([list(args), kwargs], what)
        try:
            ordered = _sorted_encoder.encode([list(args), kwargs])
        except TypeError as error:
            raise NotSerializable(f"{what} has no JSON form: mapping keys of different types") from error
        return self.seal.close(text), self.seal.digest(f"{function}\n{ordered}")

    def success(self, value: object, what: str) -> Outcome:
        """The outcome of a call that returned; raises as `encode` does."""
        return Outcome(State.RESOLVED, self.encode(value, what))

    def failure(self, error: BaseException) -> Outcome:
        """The outcome of a call that raised. Never fails: what has no JSON form is kept as its repr."""
        kind = type(error)
        trace = "".join(traceback.format_exception(error))[-TRACEBACK_LIMIT:]
        record: dict[str, object] = {
            "type": f"{kind.__module__}.{kind.__qualname__}",
            "message": _message(error)[:TRACEBACK_LIMIT],
            "args": list(error.args),
            "traceback": trace,
        }
        status = _http_status(error)
        if status is not None:
            record["http_status"] = status
        try:
            text = self.encode(record, "an error")
        except (NotSerializable, PayloadTooLarge):
            record["args"] = None
            text = self.seal.close(_encoder.encode(record))
        return Outcome(State.REJECTED, text)

    def unwrap(self, outcome: Outcome, promise_id: str) -> Any:
        """The value of an outcome, or raise what it holds."""
        if outcome.resolved:
            return self.decode(outcome.value)
        raise self.error(outcome, promise_id)

    def error(self, outcome: Outcome, promise_id: str) -> Exception:
        """The exception that an outcome other than resolved stands for."""
        if outcome.state is State.CANCELED:
            return Cancelled(promise_id)
        if outcome.state is State.TIMEDOUT:
            return TimedOut(promise_id)
        record = self.decode(outcome.value)
        if not isinstance(record, dict) or "type" not in record:
            return ExecutionFailed("rejected", outcome.value)
        return _rebuild(record)


def _loads(text: str) -> Any:
    if _TYPED in text:
        return json.loads(text, object_hook=object_hook)
    return json.loads(text)


def _rebuild(record: dict[str, Any]) -> Exception:
    """The original exception where its class is already imported here, else ExecutionFailed.

    Nothing is imported and nothing but an Exception subclass is called: what a
    store holds must not choose what code runs.
    """
    name, args = str(record["type"]), record.get("args")
    found = _find_class(name)
    error: Exception
    try:
        if found is None or not isinstance(args, list):
            raise TypeError(name)
        error = found(*args)
    except Exception:
        error = ExecutionFailed(name, str(record.get("message", "")))
    if record.get("traceback"):
        error.add_note(f"Where it was raised:\n{record['traceback']}")
    return error


def _find_class(name: str) -> type[Exception] | None:
    module, found = name[:NAME_LIMIT], None
    while "." in module and found is None:
        module = module.rpartition(".")[0]
        found = sys.modules.get(module)
    target: object = found
    for attribute in name[len(module) + 1 :].split("."):
        target = getattr(target, "__dict__", {}).get(attribute)  # looked up, so that no module imports it lazily
    if isinstance(target, type) and issubclass(target, Exception):
        return target
    return None


def _http_status(error: BaseException) -> int | None:
    """What the error says that an HTTP caller is answered, for where its class is not known."""
    for name in ("http_status", "status_code"):
        with contextlib.suppress(Exception):  # a property may fail
            status = getattr(error, name, None)
            if type(status) is int and status in _HTTP_ERRORS:
                return status
    return None


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "(its message cannot be read: str() of it raises)"


def _depth(text: str) -> int:
    """How deep a JSON text is nested; not counted when there are too few brackets to matter."""
    brackets = text.count("[") + text.count("{")
    if brackets <= MAX_DEPTH:
        return brackets
    depth = deepest = 0
    for opening, closing in _brackets.findall(text):
        depth += bool(opening) - bool(closing)
        deepest = max(deepest, depth)
    return deepest


def _fault(value: object, error: Exception) -> str:
    """Which type is at fault, and where in the value: `at .customer[0] it holds a shop.Customer`."""
    if isinstance(error, RecursionError):
        return f"it is nested more than {MAX_DEPTH} levels deep"
    if "Circular reference" in str(error):
        return "it contains itself"
    path, culprit = _locate(value, "")
    where = f"at {path} it holds" if path else "it is"
    if isinstance(culprit, dict) and not isinstance(error, ValueError):
        keys = (type(key) for key in culprit if not isinstance(key, str | int | float | None))
        return f"{where} a dict with {_article(next(keys, dict))} as a key"
    reason = f" ({error})" if isinstance(error, ValueError) else ""
    return f"{where} {_article(type(culprit))}{reason}"


def _locate(value: object, path: str) -> tuple[str, object]:
    """The first part of a value that JSON cannot take; the value itself when no part is to blame."""
    children: list[tuple[str, object]] = []
    if isinstance(value, dict):
        children = [(f"{path}.{key}", item) for key, item in value.items()]
    elif isinstance(value, list | tuple):
        children = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    for child_path, child in children:
        try:
            _encoder.encode(child)
        except Exception:
            return _locate(child, child_path)
    return path, value


def _article(kind: type) -> str:
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"
