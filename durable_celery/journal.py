"""What one execution did, by position, and the cursor that replay moves along.

An entry stands at the path of the call that made it ("3", or "3.1" for the
first call inside the third local child). The outcome of something the
execution waited for is delivered beside it, at "3!". A failed try that is
followed by another is at "3~1", the next at "3~2".
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from durable_celery.errors import NonDeterminismError, Parking
from durable_celery.promise import Outcome, State

#: How records and journals are written. A worker leaves executions alone that a release with a higher one has touched.
FORMAT = 1
DELIVERED = "!"
#: After the path of a call: a try of it that failed and is followed by another, "3~1", "3~2".
TRY = "~"
#: Where the failed tries of a body itself are: before the first position.
BODY = "0"
#: Before the name of a gate (`ctx.version`), which has no position.
GATE = "@"
#: Before what the engine itself notes of an execution, which has no position either.
NOTE = "@@"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One recorded operation. Open ones (a remote child, a timer) are PENDING until their outcome is delivered.

    `payload` is the codec's text of the outcome, or what an open entry refers to.
    Times are epoch milliseconds by the store's clock.
    """

    kind: str
    name: str
    state: State
    payload: str = ""
    started_at: int = 0
    ended_at: int | None = None
    tries: int = 1

    def encode(self) -> str:
        """`<kind> <state> <started> <ended> <tries> <name>`, a newline, the payload."""
        ended = "-" if self.ended_at is None else self.ended_at
        return f"{self.kind} {self.state.code} {self.started_at} {ended} {self.tries} {self.name}\n{self.payload}"

    @classmethod
    def decode(cls, text: str) -> Entry:
        head, _, payload = text.partition("\n")
        kind, code, started, ended, tries, name = head.split(" ", 5)
        return cls(
            kind=kind,
            name=name,
            state=State.of(code),
            payload=payload,
            started_at=int(started),
            ended_at=None if ended == "-" else int(ended),
            tries=int(tries),
        )

    @classmethod
    def at_once(cls, kind: str, name: str, outcome: Outcome, now_ms: int) -> Entry:
        """The entry of an operation that was over as soon as it was made."""
        return cls(kind=kind, name=name, state=outcome.state, payload=outcome.value, started_at=now_ms, ended_at=now_ms)

    @property
    def outcome(self) -> Outcome | None:
        """The recorded outcome; None for an open entry."""
        return None if self.state is State.PENDING else Outcome(self.state, self.payload)


class Journal:
    """The journal of the execution at hand, as read at the claim and grown since."""

    def __init__(self, recorded: Mapping[str, str], cursor: int) -> None:
        self.cursor = cursor
        self._texts: dict[str, str] = {}
        self._tries: dict[str, list[Entry]] = {}
        self._entries: dict[str, Entry] = {}
        self._delivered: dict[str, Outcome] = {}
        for path, text in recorded.items():
            call, mark, _ = path.partition(TRY)
            if path.endswith(DELIVERED):
                self._delivered[path[:-1]] = decode_outcome(text)
            elif mark:
                self._tries.setdefault(call, []).append(Entry.decode(text))
            else:
                self._texts[path] = text
        self._unread = {path for path in self._texts if not path.startswith(GATE)}
        self._unread_in = Counter(scope_of(path) for path in self._unread)
        #: What was recorded inside each call, at any depth.
        self._inside: dict[str, list[str]] = {}
        for path in self._unread:
            outer = scope_of(path)
            while outer:
                self._inside.setdefault(outer, []).append(path)
                outer = scope_of(outer)

    @property
    def replaying(self) -> bool:
        """Whether the body still has to pass entries that earlier attempts recorded."""
        return bool(self._unread)

    def replaying_in(self, scope: str) -> bool:
        """The same for one scope: the body, or a local child that takes a ctx."""
        return self._unread_in[scope] > 0

    def replaying_below(self, path: str) -> bool:
        """The same for what is inside the call at this path."""
        return bool(self._unread) and next(self._below(path), None) is not None

    def note(self, name: str) -> Entry | None:
        """What the engine noted under this name."""
        path = NOTE + name
        if path not in self._texts:
            return None
        return self._entries.get(path) or Entry.decode(self._texts[path])

    def find(self, path: str, kind: str, name: str, where: str) -> Entry | None:
        """The entry at a position, or None when this call has not been made before.

        Raises Parking when another call was recorded there.
        """
        text = self._texts.get(path)
        if text is None:
            return None
        entry = self._entries.get(path)
        if entry is None:
            entry = self._entries[path] = Entry.decode(text)
        if (entry.kind, entry.name) != (kind, name):
            recorded, found = f"{entry.kind}({entry.name})", f"{kind}({name})"
            raise Parking(NonDeterminismError(path, recorded, found, where))
        self._passed(path)
        if entry.state is not State.PENDING:
            for other in list(self._below(path)):
                self._passed(other)
        return entry

    def delivered(self, path: str) -> Outcome | None:
        """The outcome of what the entry at this position waited for, if it is there."""
        return self._delivered.get(path)

    def deliver(self, outcomes: Mapping[str, Outcome]) -> None:
        """Add outcomes that the store had at hand."""
        self._delivered.update(outcomes)

    def tries(self, path: str) -> list[Entry]:
        """The failed tries of a call so far, in order; the end of each is when the next is due."""
        return sorted(self._tries.get(path, ()), key=lambda entry: entry.tries)

    @property
    def untouched(self) -> bool:
        """Whether the body has made no operation yet."""
        return not self._texts

    def add(self, path: str, entry: Entry) -> None:
        """Add an entry that the store has accepted."""
        self.cursor += 1
        call, mark, _ = path.partition(TRY)
        if mark:
            self._tries.setdefault(call, []).append(entry)
            return
        self._texts[path] = ""
        self._entries[path] = entry

    def check_passed(self, where: str) -> None:
        """Raise Parking when a body returned without making a call that an earlier attempt recorded."""
        for path in sorted(self._unread):
            entry = Entry.decode(self._texts[path])
            raise Parking(NonDeterminismError(path, f"{entry.kind}({entry.name})", "a return", where))

    def _passed(self, path: str) -> None:
        if path in self._unread:
            self._unread.remove(path)
            self._unread_in[scope_of(path)] -= 1

    def _below(self, path: str) -> Iterator[str]:
        return (other for other in self._inside.get(path, ()) if other in self._unread)


def scope_of(path: str) -> str:
    """The path of the local child that an operation is made in; empty for the body itself."""
    return path.rpartition(".")[0]


def prefix_of(recorded: Mapping[str, str], before: int) -> list[tuple[str, str]]:
    """The entries at positions before this one, in the order of their making, with what was delivered to them.

    Gates that were passed by then are kept, what the engine noted is not.
    """
    made = {path: text for path, text in recorded.items() if not path.endswith(DELIVERED)}
    dropped = (Entry.decode(text) for path, text in made.items() if position_of(path) >= before)
    until_ms = min((entry.started_at for entry in dropped), default=math.inf)

    def kept(path: str, text: str) -> bool:
        if path.startswith(GATE):
            return not path.startswith(NOTE) and Entry.decode(text).started_at < until_ms
        return 0 < position_of(path) < before

    return [(path, text) for path, text in recorded.items() if kept(path, text)]


def position_of(path: str) -> int:
    """The position in the body that an entry belongs to; -1 for what has none."""
    digits = re.match(r"[0-9]+", path)
    return int(digits[0]) if digits else -1


def decode_outcome(text: str) -> Outcome:
    """A delivered outcome: its state's letter, a newline, the payload."""
    code, _, value = text.partition("\n")
    return Outcome(State.of(code), value)
