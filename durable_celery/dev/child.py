"""One child process in a session of its own, which never outlives this process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from durable_celery.dev import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: How long what a killed process left of its group may take to disappear.
_VANISH_SECONDS = 2.0


class Child:
    """A running program. A session of its own keeps the terminal's Ctrl-C from it: only its owner ends it."""

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Start `argv` with `env` added to this environment; what it prints is appended to `log`."""
        command, pipe = guard.guarded([str(word) for word in argv])
        self.log = log
        with log.open("ab") as output:
            self._log_start = output.tell()
            self._process = subprocess.Popen(  # noqa: S603 - running the caller's command is the purpose
                command,
                stdin=pipe,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The main process, which is also the number of its process group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How the main process ended, negative for a signal; None while it runs."""
        return self._process.poll()

    def output(self) -> str:
        """Return what this process printed so far, without what earlier ones left in the same file."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def last_lines(self, count: int = 15) -> str:
        """Return the end of what it printed, indented, for an error message."""
        lines = self.output().splitlines()[-count:]
        return "\n".join(f"    {line}" for line in lines) or "    (nothing)"

    def kill_main(self) -> None:
        """SIGKILL the main process, as a crash would, and collect it. Its own children are left to their fate."""
        self._process.kill()
        self._process.wait()

    def kill(self) -> None:
        """SIGKILL the whole group, and wait until none of it is left."""
        _signal_group(self.pid, signal.SIGKILL)
        self._process.wait()
        if wait_until(lambda: not group_members(self.pid), _VANISH_SECONDS):
            guard.forget(self.pid)

    def end(self, grace: float) -> None:
        """SIGTERM the main process and give it `grace` seconds; then kill what is left of the group."""
        try:
            if self.exit_code is None:
                self._process.terminate()
                self._process.send_signal(signal.SIGCONT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(timeout=grace)
        finally:
            self.kill()


def group_members(group: int) -> list[int]:
    """Return the live processes of a process group; a zombie is not alive."""
    if not _signal_group(group, 0):
        return []
    rows = _proc_rows() if sys.platform == "linux" else _ps_rows()
    return [pid for pid, its_group, state in rows if its_group == group and state[:1] not in "ZX"]


def wait_until(condition: Callable[[], bool], seconds: float, *, pause: float = 0.005) -> bool:
    """Wait until the condition holds, at most so long; say whether it does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def _signal_group(group: int, number: int) -> bool:
    """Signal a process group; False when nobody is in it. macOS refuses (EPERM) when only zombies are left."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _proc_rows() -> list[tuple[int, int, str]]:
    rows = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                state, _, group, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
                rows.append((int(folder.name), int(group), state))
    return rows


def _ps_rows() -> list[tuple[int, int, str]]:
    listing = subprocess.run(["ps", "-A", "-o", "pid=,pgid=,stat="], capture_output=True, text=True, check=True)  # noqa: S607
    return [(int(pid), int(group), state) for pid, group, state in map(str.split, listing.stdout.splitlines())]
