"""Lines: what `ctx.logger` says, for Python's logging and for people who watch an execution."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, MutableMapping
from typing import Any

from durable_celery.seal import MARK, Seal

#: Characters of a line that are kept.
LONGEST = 400


class Logger(logging.LoggerAdapter[logging.Logger]):
    """Says nothing while the journal has entries that the body has not passed yet.

    What is at least INFO, or is logged anyway, is also kept with the execution where `durable_log_lines` says so.
    """

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802  # logging's own name
        return not self._performer.journal.replaying and super().isEnabledFor(level)

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        if not self._performer.journal.replaying and (level >= logging.INFO or super().isEnabledFor(level)):
            self._performer.progress("", self._line(level, msg, args))
        kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
        super().log(level, msg, *args, **kwargs)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        return f"[{self._id}] {msg}", kwargs

    def _line(self, level: int, msg: object, args: tuple[object, ...]) -> str:
        said = {"at": self._performer.now_ms(), "level": logging.getLevelName(level), "id": self._id}
        return str(self._performer.codec.seal.close(json.dumps({**said, "text": _text(msg, args)[:LONGEST]})))

    @property
    def _performer(self) -> Any:
        return (self.extra or {})["performer"]

    @property
    def _id(self) -> Any:
        return (self.extra or {})["id"]


def logged(lines: Iterable[str], seal: Seal) -> Iterator[tuple[int, dict[str, Any]]]:
    """Lines as a store keeps them, each with its number. Raises PayloadUnreadable."""
    for line in lines:
        number, _, text = line.partition(" ")
        yield int(number), json.loads(seal.open(text) if text.startswith(MARK) else text)


def _text(msg: object, args: tuple[object, ...]) -> str:
    """The message with its arguments; as logging itself, never an error."""
    try:
        if len(args) == 1 and isinstance(args[0], dict) and args[0]:
            return str(msg) % args[0]
        return str(msg) % args if args else str(msg)
    except Exception:
        return str(msg)
