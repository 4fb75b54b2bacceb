"""Several programs started, watched and ended together, for demos, development and tests. Not an init system."""

from __future__ import annotations

import http.client
import time
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from durable_celery.dev.child import Child, group_members, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

#: Never through a proxy: what is asked runs on this machine.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run: a name to speak of it, its command, its log, and how to see that it is ready."""

    name: str
    argv: Sequence[str | Path]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    ready: Callable[[], bool] | None = None


class Supervisor:
    """Starts programs, each in a process group of its own, and ends them all in reverse order.

    Use it in a with statement. Should this process be killed outright, a guardian kills the programs.
    """

    def __init__(self, *, grace: float = 15.0) -> None:
        """`grace` is how many seconds a program has to end by itself after SIGTERM."""
        self._grace = grace
        self._running: dict[str, tuple[Program, Child]] = {}
        self._groups: list[int] = []

    def start(self, *programs: Program, deadline: float = 30.0) -> None:
        """Start the programs at once, then wait until each is ready; an error shows the log of one that is not."""
        for program in programs:
            if program.name in self._running:
                message = f"{program.name} is started already"
                raise ValueError(message)
            program.log.parent.mkdir(parents=True, exist_ok=True)
            child = Child(program.argv, log=program.log, env=program.env, cwd=program.cwd)
            self._running[program.name] = program, child
            self._groups.append(child.pid)
        until = time.monotonic() + deadline
        for program in programs:
            self._wait_ready(program, self._child(program.name), until - time.monotonic(), deadline)

    def pid(self, name: str) -> int:
        """Return the main process of a program."""
        return self._child(name).pid

    def alive(self, name: str) -> bool:
        """Whether the main process of a program runs."""
        return self._child(name).exit_code is None

    def ended(self) -> dict[str, int]:
        """Return the programs that ended without being asked to, with their exit codes."""
        codes = {name: child.exit_code for name, (_, child) in self._running.items()}
        return {name: code for name, code in codes.items() if code is not None}

    def last_lines(self, name: str, count: int = 15) -> str:
        """Return the end of what a program printed."""
        return self._child(name).last_lines(count)

    def kill(self, name: str) -> None:
        """SIGKILL the main process of a program, as a crash would. What it forked is left to its fate until `stop`."""
        self._child(name).kill_main()

    def restart(self, name: str, deadline: float = 30.0) -> None:
        """Start a program that ended, or was killed, once more and wait until it is ready."""
        program, child = self._running.pop(name)
        child.end(self._grace)
        self.start(program, deadline=deadline)

    def stop(self) -> None:
        """End all in reverse order; when interrupted (a second Ctrl-C), kill what is left at once."""
        grace = self._grace
        try:
            for _, child in reversed(list(self._running.values())):
                child.end(grace)
        finally:
            for _, child in self._running.values():
                child.kill()
            self._running.clear()

    def survivors(self) -> list[int]:
        """Return every process alive in the group of any program ever started here: none, after `stop`."""
        return [pid for group in self._groups for pid in group_members(group)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _child(self, name: str) -> Child:
        return self._running[name][1]

    @staticmethod
    def _wait_ready(program: Program, child: Child, seconds: float, deadline: float) -> None:
        ready = program.ready
        if ready is None:
            return
        in_time = wait_until(lambda: child.exit_code is not None or ready(), seconds, pause=0.05)
        end_of_log = f"the end of {program.log}:\n{child.last_lines()}"
        if not in_time:
            message = f"{program.name} was not ready within {deadline:g} s; {end_of_log}"
            raise TimeoutError(message)
        if child.exit_code is not None:
            message = f"{program.name} ended with code {child.exit_code}; {end_of_log}"
            raise RuntimeError(message)


def url_answers(url: str) -> Callable[[], bool]:
    """Ready when a GET of this address gives a success."""

    def ready() -> bool:
        try:
            with _direct.open(url, timeout=2):
                return True
        except (OSError, http.client.HTTPException):
            return False

    return ready


def log_has(log: Path, words: str) -> Callable[[], bool]:
    """Ready when these words stand in what was printed to the log from now on."""
    start = log.stat().st_size if log.exists() else 0

    def ready() -> bool:
        if not log.exists():
            return False
        with log.open("rb") as stream:
            stream.seek(start)
            return words.encode() in stream.read()

    return ready
