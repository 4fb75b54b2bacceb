"""Redis, two workers, the web application and Flower on this machine: what `webapp.demo` and `webapp.dev` share."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from durable_celery.dev import Program, Supervisor, free_port, log_has, redis_url, url_answers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from webapp.killing import Control

PROJECT = Path(__file__).resolve().parent.parent
WORKERS = ("one", "two")
#: From the start of the programs until all of them are ready.
START_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What runs, and where it is found."""

    supervisor: Supervisor
    folder: Path
    redis: str
    web: str
    flower: str

    @property
    def ledger(self) -> Path:
        """The file to which every render step says that it starts and that it is done."""
        return self.folder / "ledger"

    @property
    def logs(self) -> Path:
        """The folder with a log for each program."""
        return self.folder / "logs"

    def worker_of(self, hostname: str) -> str:
        """Return the program behind a Celery host name: `one@here` is `worker one`."""
        return f"worker {hostname.partition('@')[0]}"

    def kill_holder(self, holder: str) -> str:
        """SIGKILL the main process of the worker that holds an execution, and return the program's name.

        LookupError when it is not one that was started here; ValueError when it is no holder at all.
        """
        hostname, pid, _ = holder.rsplit(":", 2)
        name = self.worker_of(hostname)
        if self.supervisor.pid(name) != int(pid):
            raise LookupError(name)
        self.supervisor.kill(name)
        return name


@contextlib.contextmanager
def running(
    folder: Path,
    *,
    redis_data: Path | None,
    step_seconds: float,
    control: Control | None = None,
    flower: bool = True,
) -> Iterator[Stack]:
    """Start everything with its files in `folder`, and stop it at the end of the block, whatever happens in it.

    With a `control` the page has a button that kills workers; somebody has to start them again.
    """
    with redis_url(redis_data) as redis, Supervisor() as supervisor:
        web, flower_port = _port("WEB_PORT", 8000), _port("FLOWER_PORT", 5555)
        stack = Stack(
            supervisor=supervisor,
            folder=folder,
            redis=redis,
            web=f"http://127.0.0.1:{web}",
            flower=f"http://127.0.0.1:{flower_port}",
        )
        env = {
            "DURABLE_REDIS_URL": redis,
            "RENDER_DIR": str(folder / "renders"),
            "RENDER_LEDGER": str(stack.ledger),
            "RENDER_STEP_SECONDS": str(step_seconds),
            "HOST": "127.0.0.1",
            "WEB_PORT": str(web),
            "FLOWER_UNAUTHENTICATED_API": "true",
            "PYTHONUNBUFFERED": "1",
            **(control.environment if control else {}),
        }
        programs = _programs(stack, env, flower_port)
        supervisor.start(*(programs if flower else programs[:-1]), deadline=START_SECONDS)
        if control:
            control.serve(stack.kill_holder)
        yield stack


def end_on_signals() -> None:
    """Let SIGTERM, and the closing of the terminal, end this program as Ctrl-C does: everything is stopped first."""

    def end(_number: int, _frame: object) -> NoReturn:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)


def _programs(stack: Stack, env: dict[str, str], flower_port: int) -> list[Program]:
    celery = [sys.executable, "-m", "celery", "-A", "workers.app"]

    def program(name: str, argv: list[str], ready: str) -> Program:
        log = stack.logs / f"{name.replace(' ', '-')}.log"
        is_ready = url_answers(ready) if ready.startswith("http") else log_has(log, ready)
        return Program(name=name, argv=argv, env=env, cwd=PROJECT, log=log, ready=is_ready)

    return [
        *(
            program(f"worker {name}", [*celery, "worker", "-n", f"{name}@%h", "-c", "2", "-l", "info"], " ready.")
            for name in WORKERS
        ),
        program("web", [sys.executable, "-m", "webapp"], f"{stack.web}/healthz"),
        program(
            "flower",
            [*celery, "flower", "--address=127.0.0.1", f"--port={flower_port}"],
            f"{stack.flower}/healthcheck",
        ),
    ]


def _port(variable: str, preferred: int) -> int:
    """Take the port the environment names, else the usual one, else a free one."""
    if text := os.environ.get(variable):
        return int(text)
    return free_port(preferred=preferred)
