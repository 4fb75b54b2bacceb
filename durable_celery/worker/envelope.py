"""The envelope of a call: what its message carried besides the arguments, kept so that every resume carries it too.

Callbacks, chains and chords travel in it, so they fire at the real end of the
execution, and once. A call without any of that has no envelope.
"""

from __future__ import annotations

from typing import Any

from kombu.utils.json import JSONEncoder, loads

#: Options of `apply_async` that every later message of the execution has to carry again.
_KEPT = (
    *("link", "link_error", "chain", "chord", "group_id", "group_index", "group", "stamped_headers", "reply_to"),
    *("headers", "shadow", "exchange", "routing_key", "time_limit", "soft_time_limit", "compression"),
    "ignore_result",
)
#: Options that were meant for the first message only.
_DROPPED = (
    *("producer", "publisher", "connection", "retry", "retry_policy", "add_to_parent"),
    *("countdown", "eta", "expires", "task_id", "serializer"),
)


def of_call(options: dict[str, Any]) -> str:
    """The envelope of a call made with these options; empty when they ask for nothing that needs one."""
    if not any(options.get(name) for name in _KEPT):
        return ""
    return _text(options)


def of_request(task: Any, request: Any) -> str:
    """The envelope of a message that was not sent by us."""
    return _text(task.signature_from_request(request, (), {}).options) if has_canvas(request) else ""


def queue_of(request: Any) -> str | None:
    """The queue that a message was sent to by name."""
    delivery = request.delivery_info or {}
    return None if delivery.get("exchange") else delivery.get("routing_key")


def has_canvas(request: Any) -> bool:
    """Whether the end of this request has consequences."""
    return bool(request.callbacks or request.errbacks or request.chain or request.chord or request.group)


def options_of(text: str) -> dict[str, Any]:
    """The options to send the next message with."""
    return dict(loads(text))


def _text(options: dict[str, Any]) -> str:
    kept = {name: value for name, value in options.items() if name not in _DROPPED and value is not None}
    return _Encoder().encode(kept)


class _Encoder(JSONEncoder):
    def default(self, o: Any) -> Any:
        return list(o) if isinstance(o, set | frozenset) else super().default(o)
