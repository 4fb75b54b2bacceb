"""Flows: what a client asks, in which order, and what it asks again. They speak to no network themselves.

A flow yields a request, and is sent the answer; or yields a number of seconds to
pause. So a thread and an event loop carry the same flow.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

from durable_celery import clock
from durable_celery.calling.request import Request, value_of
from durable_celery.client import answers, asking
from durable_celery.client.asking import Answer, Asked, Lost
from durable_celery.clock import SystemClock
from durable_celery.errors import StoreUnavailable
from durable_celery.handler import Handler

T = TypeVar("T")
Flow = Generator[Asked | float, Answer | Lost | None, T]

#: Pauses between tries of what may be sent again.
_PAUSES_S = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
#: A server is asked to answer after so many seconds even when nothing is over, so that a dead one is noticed.
_LONGEST_WAIT_S = 20
#: What it may take beyond that.
_SLACK_S = 30.0
#: How long one look may take.
_LOOKING_S = 2.0
_WORTH_S = 0.005
#: Between two looks when a server answers at once that nothing is over.
_LOOK_S = 0.05


class Deadline:
    """When a wait ends; never, for None."""

    def __init__(self, ms: float | None) -> None:
        self._clock = SystemClock()
        self._at_ms = None if ms is None else self._clock.monotonic_ms() + ms

    @property
    def left_s(self) -> float:
        """Seconds that are left, not below 0."""
        return math.inf if self._at_ms is None else max(0.0, (self._at_ms - self._clock.monotonic_ms()) / 1000)

    @property
    def over(self) -> bool:
        """Whether nothing is left that is worth a request; sockets' own limits may end a little early."""
        return self.left_s < _WORTH_S


class Flows:
    """The flows of one client. `timeout_ms` is the limit of waits that have no other."""

    def __init__(self, url: str, headers: dict[str, str], timeout_ms: float | None) -> None:
        self.url = url
        self.headers = headers
        self._timeout_ms = timeout_ms

    def call(self, request: Request, timeout: float | timedelta | None) -> Flow[Any]:
        """Have a handler called, and wait for its value."""
        until = self._until(timeout)
        asked = asking.call_of(request)
        answer = yield from _asked(asked, until)
        if answers.pending(answer):
            if until.over:
                raise _late(asked)
            invocation_id = str(answers.said(answer)["invocationId"])
            return (yield from self._attached(invocation_id, request.handler, until))
        return _value(answer, request.handler, request.function, request.idempotency_key)

    def send(self, request: Request) -> Flow[tuple[str, bool]]:
        """Have a handler called; its id, and whether this began it."""
        answer = yield from _asked(asking.send_of(request), self._until(None))
        document = answers.said(answer)
        if not answers.fine(answer) or "invocationId" not in document:
            raise answers.error_of(answer, request.function, request.idempotency_key)
        return str(document["invocationId"]), document.get("status") != "PreviouslyAccepted"

    def result(self, invocation_id: str, handler: Handler | None, timeout: float | timedelta | None) -> Flow[Any]:
        """Wait for the value of an invocation."""
        return self._attached(invocation_id, handler, self._until(timeout))

    def status(self, invocation_id: str) -> Flow[str]:
        """One word for how an invocation stands."""
        answer = yield from _asked(asking.about_invocation("GET", invocation_id, "output"), self._until(None))
        word = answers.status_of(answer)
        if not word:
            raise answers.error_of(answer, invocation_id)
        return word

    def cancel(self, invocation_id: str) -> Flow[None]:
        """Cancel an invocation; nothing happens to one that is over."""
        answer = yield from _asked(asking.about_invocation("POST", invocation_id, "cancel"), self._until(None))
        if not answers.fine(answer) and not answers.over(answer):
            raise answers.error_of(answer, invocation_id)

    def settle(self, asked: Asked) -> Flow[None]:
        """Resolve or reject an awakeable."""
        answer = yield from _asked(asked, self._until(None))
        if not answers.fine(answer):
            raise answers.error_of(answer, asked.about)

    def _attached(self, invocation_id: str, handler: Handler | None, until: Deadline) -> Flow[Any]:
        asked = asking.about_invocation("GET", invocation_id, "attach", waits=True)
        while True:
            answer = yield from _asked(asked, until)
            if not answers.pending(answer):
                return _value(answer, handler, invocation_id)
            if until.over:
                raise _late(asked)
            yield min(_LOOK_S, until.left_s)

    def _until(self, timeout: float | timedelta | None) -> Deadline:
        return Deadline(self._timeout_ms if timeout is None else clock.to_ms(timeout))


def _asked(asked: Asked, until: Deadline) -> Flow[Answer]:
    """The answer. What may be sent again is, when no answer came or a gateway gave it.

    Raises StoreUnavailable when there is none, TimeoutError when there was no time.
    """
    reason, sent = "", False
    for pause_s in (*_PAUSES_S, None):
        answer = yield _timed(asked, until)
        if isinstance(answer, Answer) and not answers.from_between(answer):
            return answer
        if until.over:
            raise _late(asked)
        lost = answer if isinstance(answer, Lost) else Lost("a gateway answered that nobody is there", sent=True)
        reason, sent = lost.reason, sent or lost.sent
        if pause_s is None or (sent and not asked.safe):
            break
        yield min(pause_s, until.left_s)
    unknown = sent and not asked.safe
    hint = "; whether it was accepted is not known, an idempotency_key lets it be sent again" if unknown else ""
    raise StoreUnavailable(f"{asked.about}: no answer from the server ({reason}){hint}")


def _timed(asked: Asked, until: Deadline) -> Asked:
    """The request as it is sent now: it says how long to wait, and knows when an answer is overdue."""
    wait_s = min(_LONGEST_WAIT_S, until.left_s)
    if not asked.waits:
        return replace(asked, within_s=min(_SLACK_S, until.left_s))
    headers = {**asked.headers, "prefer": b"wait=%d" % math.ceil(wait_s)}
    # Without any time left it is a look, and a look takes a while too.
    return replace(asked, headers=headers, within_s=min(wait_s + _SLACK_S, until.left_s) or _LOOKING_S)


def _value(answer: Answer, handler: Handler | None, about: str, idempotency_key: str | None = None) -> Any:
    if not answers.fine(answer):
        raise answers.error_of(answer, about, idempotency_key)
    return value_of(handler, answer.content, answer.content_type)


def _late(asked: Asked) -> TimeoutError:
    return TimeoutError(f"{asked.about!r} is not settled in the time given; it goes on")
