"""One rendering as its client sees it: posted, followed over HTTP, each step told as it is recorded."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from webapp import evidence, http_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from webapp.stack import Stack

#: How often the status is asked for. A client in the real world would heed Retry-After.
POLL_SECONDS = 0.05


class Rendering:
    """Follows a rendering and keeps what it saw."""

    def __init__(self, stack: Stack, rendering_id: str, lines: list[str]) -> None:
        """Post the lines. The answer comes at once; the work is somebody else's."""
        self.id = rendering_id
        self._stack = stack
        self._began = time.monotonic()
        self.accepted = http_client.post(f"{stack.web}/render/{rendering_id}", {"text_list": lines})
        self.status_url = stack.web + str(self.accepted.headers.get("location"))
        self.recorded = 0
        #: When its worker was killed: what happens next is told with the seconds since then.
        self.killed_at: float | None = None
        self.holder: str | None = None
        self.answer = self.accepted
        self._worker_of_pid: dict[int, str] = {}

    def follow(self, seconds: float) -> Iterator[list[evidence.Ran]]:
        """Ask for the status again and again; give the ledger each time, until the answer is 200 or time is up."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.answer = answer = http_client.get(self.status_url)
            if answer.status not in (http_client.OK, http_client.ACCEPTED):
                message = f"the status answers 202 until it answers 200: {answer.status} {answer.content!r}"
                raise RuntimeError(message)
            ran = evidence.read(self._stack.ledger)
            self._look(answer.json, ran)
            yield ran
            if answer.status == http_client.OK:
                return
            time.sleep(POLL_SECONDS)

    def say(self, sentence: str) -> None:
        """Print a sentence with the seconds since the rendering was posted."""
        print(f"{time.monotonic() - self._began:6.1f} s  {sentence}", flush=True)  # noqa: T201 - telling is what it is for

    def since_kill(self) -> str:
        """Say how long ago the worker was killed, until the next step is recorded."""
        return "" if self.killed_at is None else f", {time.monotonic() - self.killed_at:.2f} s after the kill"

    def worker(self, pid: int) -> str:
        """Name the worker in whose process something ran."""
        return self._worker_of_pid.get(pid, f"process {pid}")

    def _look(self, status: dict[str, Any], ran: list[evidence.Ran]) -> None:
        """Note who holds the rendering, and tell each step that was recorded since the last look."""
        if holder := status.get("worker"):
            self.holder = holder
            executing = holder.rpartition("/")[2]
            self._worker_of_pid[int(executing)] = self._stack.worker_of(holder)
        recorded = sum(step["state"] == "resolved" for step in status["steps"])
        for step in ran[self.recorded : recorded]:
            since, self.killed_at = self.since_kill(), None
            self.say(f"{step.label} recorded, by {self.worker(step.ended[-1])}{since}")
        self.recorded = recorded
