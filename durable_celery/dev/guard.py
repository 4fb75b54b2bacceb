"""A guardian that kills what this process started when this process dies, even by SIGKILL.

It is a shell that reads process ids from a pipe whose only writer is this process. When the pipe ends, whatever is
still on its list is killed. Every child puts itself on the list before it becomes the program it is meant to be, so
there is no instant at which it could be forgotten. (Linux could do it with PR_SET_PDEATHSIG, but that fires when the
*thread* that forked ends, needs code between fork and exec, and does not exist on macOS.)
"""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import threading
from typing import IO, cast

_GUARDIAN = """
trap '' INT TERM HUP
held=
while read -r sign pid; do
  case $sign in
    +) held="$held $pid" ;;
    -) kept=; for each in $held; do [ "$each" = "$pid" ] || kept="$kept $each"; done; held=$kept ;;
  esac
done
for each in $held; do kill -9 "-$each" 2>/dev/null; done
exit 0
"""
#: Its standard input is the guardian's pipe: it signs in there, drops the pipe and becomes the program.
_SIGN_IN = 'echo "+ $$" >&0; exec "$@" </dev/null'

_lock = threading.Lock()
_guardian: subprocess.Popen[bytes] | None = None


def guarded(argv: list[str]) -> tuple[list[str], int]:
    """Return the command that runs `argv` under guard, and the descriptor it must be given as standard input."""
    return ["/bin/sh", "-c", _SIGN_IN, "guarded", *argv], _pipe()


def forget(pid: int) -> None:
    """Take a process group off the list once none of it is alive, so that its number may be used again."""
    with contextlib.suppress(OSError):
        os.write(_pipe(), f"- {pid}\n".encode())


def _pipe() -> int:
    """Return the writing end of the guardian's pipe, starting the guardian when there is none."""
    global _guardian  # noqa: PLW0603 - one guardian for the life of the process
    with _lock:
        if _guardian is None or _guardian.poll() is not None:
            _guardian = subprocess.Popen(  # noqa: S603 - a constant command
                ["/bin/sh", "-c", _GUARDIAN],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                cwd="/",
                start_new_session=True,
            )
        return cast("IO[bytes]", _guardian.stdin).fileno()


@atexit.register
def _dismiss() -> None:
    """End the guardian with this process; it kills what is left on its way out."""
    if _guardian is not None and _guardian.stdin is not None:
        _guardian.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            _guardian.wait(timeout=5)


def _leave_in_fork() -> None:
    """Let go of the pipe in a forked copy of this process, which would otherwise keep it open after this one's end."""
    global _guardian, _lock  # noqa: PLW0603
    _lock = threading.Lock()
    if _guardian is not None and _guardian.stdin is not None:
        _guardian.stdin.close()
    _guardian = None


os.register_at_fork(after_in_child=_leave_in_fork)
